"""Tools of this repository: the demo and the stack that it and the end-to-end tests run on."""
