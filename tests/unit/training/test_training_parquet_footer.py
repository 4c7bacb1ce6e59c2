"""The footer of a Parquet file, against pyarrow."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.data import parquet_footer
from training.errors import DatasetError


def write(path: Path, rows: int, **settings: object) -> pq.FileMetaData:
    texts = [f"words {i}" * (i % 7) for i in range(rows)]
    pq.write_table(pa.table({"text": texts, "rating": list(range(rows))}), path, **settings)
    return pq.ParquetFile(path).metadata


@pytest.mark.parametrize("rows", [0, 1, 300])
@pytest.mark.parametrize("settings", [{}, {"row_group_size": 7}, {"compression": "zstd"}])
def test_it_says_what_pyarrow_says(tmp_path: Path, rows, settings):
    told = write(tmp_path / "0.parquet", rows, **settings)
    sizes = {"text": 0, "rating": 0}
    for group in range(told.num_row_groups):
        for column in range(told.num_columns):
            chunk = told.row_group(group).column(column)
            sizes[chunk.path_in_schema] += chunk.total_uncompressed_size
    found = parquet_footer.read(tmp_path / "0.parquet")
    assert found.rows == rows
    assert found.column_bytes == (sizes if told.num_row_groups else {})


def test_a_footer_cut_anywhere_is_a_dataset_error(tmp_path: Path):
    path = tmp_path / "0.parquet"
    write(path, 30)
    content = path.read_bytes()
    size = int.from_bytes(content[-8:-4], "little")
    whole = content[-8 - size : -8]
    for length in range(0, size, 7):
        cut = content[: -8 - size] + whole[:length] + length.to_bytes(4, "little") + b"PAR1"
        path.write_bytes(cut)
        with pytest.raises(DatasetError, match=r"0\.parquet"):
            parquet_footer.read(path)


def test_a_footer_without_end_is_a_dataset_error(tmp_path: Path):
    for content in (b"\x1c" * 5000, b"\xff" * 500, b"\x1b" * 50):
        tail = content + len(content).to_bytes(4, "little") + b"PAR1"
        (tmp_path / "0.parquet").write_bytes(b"PAR1" + tail)
        with pytest.raises(DatasetError):
            parquet_footer.read(tmp_path / "0.parquet")
