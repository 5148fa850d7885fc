"""What comes in: parsing, kinds, bounces and the human's own words."""
