"""The supporting services in this process: moto, made durable. Only this folder uses moto."""
