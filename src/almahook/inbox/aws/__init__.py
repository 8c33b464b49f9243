"""The inbox on AWS: events arrive in SQS, and are kept in DynamoDB, what is too large in S3.

Each name is imported from its module: who only spools needs no SDK.
"""
