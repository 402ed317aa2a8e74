"""The market's dated rules: pure functions over tables that ship with the package."""
