"""The supporting services: S3, SNS, SQS, IAM, STS and EventBridge."""
