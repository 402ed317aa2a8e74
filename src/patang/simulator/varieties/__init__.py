"""What an order can be besides regular: after-market, cover, iceberg, sliced."""
