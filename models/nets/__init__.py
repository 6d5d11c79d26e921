"""The taggers: one network a file, the registry that knows them by name, and the head that ends them."""
