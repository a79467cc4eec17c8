"""Array kernels shared by several methods: ids, products, noise."""
