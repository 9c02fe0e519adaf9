import pytest

from sanitization.placeholders import Placeholders


def test_equal_values_share_a_placeholder_and_others_count_up():
    placeholders = Placeholders()
    assert placeholders.mint("email", "ann@x.io") == "[EMAIL_1]"
    assert placeholders.mint("email", "Ann@x.io") == "[EMAIL_2]"
    assert placeholders.mint("us_ssn", "078-05-1120") == "[US_SSN_1]"
    assert placeholders.mint("email", "ann@x.io") == "[EMAIL_1]"
    assert placeholders.originals("email") == ["ann@x.io", "Ann@x.io"]
    assert placeholders.originals("phone") == []


@pytest.mark.parametrize(
    "variant",
    [
        *[
            "[EMAIL_1]",
            "email 1",
            "[ Email_1 ]",
            r"\[EMAIL\_1\]",
            "**EMAIL**_1",
            "Email1",
            "e-mail 1",
            "email.1",
        ],
        *["ＥＭＡＩＬ＿１", "[EMAIL_01]", "EMA\u200bIL_1", "[EMAIL_1]7", "(email: 1)"],
    ],
)
def test_a_number_is_skipped_if_anything_like_it_was_typed(variant):
    placeholders = Placeholders(["first part", f"see {variant}!"])
    assert placeholders.mint("email", "ann@x.io") == "[EMAIL_2]"


def test_other_rules_and_other_numbers_do_not_count():
    placeholders = Placeholders(["phone 1, email 3, [CREDIT_CARD_1]"])
    minted = [placeholders.mint("email", f"{name}@x.io") for name in "abc"]
    assert minted == ["[EMAIL_1]", "[EMAIL_2]", "[EMAIL_4]"]
    assert placeholders.mint("credit_card", "4") == "[CREDIT_CARD_2]"


def test_the_answers_numbers_continue_and_its_values_stay_apart():
    prompt = Placeholders(["email 3"])
    prompt.mint("email", "ann@x.io")
    answer = prompt.for_answer()
    assert answer.mint("email", "ann@x.io") == "[EMAIL_2]"
    assert answer.mint("email", "bob@x.io") == "[EMAIL_4]"
    assert answer.mint("phone", "1") == "[PHONE_1]"
    assert dict(prompt.entries) == {"[EMAIL_1]": "ann@x.io"}
    assert prompt.for_answer().mint("email", "carl@x.io") == "[EMAIL_2]"


def test_the_repr_shows_no_value():
    placeholders = Placeholders(["secret input"])
    placeholders.mint("email", "ann@x.io")
    assert "ann" not in repr(placeholders)
    assert "secret" not in repr(placeholders)
