from . import product

__all__ = ["product"]
