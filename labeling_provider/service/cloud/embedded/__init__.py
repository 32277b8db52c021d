"""The services around labeling in this process: moto's, made durable. Nothing outside this folder knows of moto."""
