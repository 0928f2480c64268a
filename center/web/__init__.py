"""What every page has: layout, navigation, headers, money in yuan."""
