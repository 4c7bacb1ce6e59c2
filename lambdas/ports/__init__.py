"""The only files that know boto3: thin, typed, plain values in and out."""
