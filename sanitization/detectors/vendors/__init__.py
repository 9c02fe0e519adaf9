"""
Keys and tokens of particular vendors, by what they are for. `forms` says how such a key is recognized.

The formats are those of the vendors' own documentation, or observed; lengths have room above, because vendors
lengthen their keys without asking anybody.
"""
