"""What stands around labeling: S3, SNS, SQS, IAM, STS and EventBridge."""
