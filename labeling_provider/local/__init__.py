"""The local Ground Truth service: SageMaker's labeling operations, S3, SNS, SQS, IAM and STS on one endpoint."""
