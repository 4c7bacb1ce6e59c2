"""Until when AWS keeps a Lambda runtime up to date."""

from __future__ import annotations

from datetime import date

# "Deprecation date" of https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
LAST_DAYS = {
    "3.10": date(2026, 10, 31),  # gone: no stage takes it, `operate outages` tells the probe of it
    "3.11": date(2027, 6, 30),
    "3.12": date(2028, 10, 31),
    "3.13": date(2029, 6, 30),
    "3.14": date(2029, 6, 30),
}
