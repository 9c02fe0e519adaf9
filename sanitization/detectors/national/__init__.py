"""
The numbers by which states know people and firms, by region.

Most are digits that any other number could be. A check digit leaves a tenth or a hundredth of those, which
is not enough: so they are findings where a word in front of them says what they are, in the country's
language or in English, and weak ones elsewhere. The check digits are python-stdnum's, or in `checks`.
"""
