"""The service's HTTP side: access checks, operations and pages."""
