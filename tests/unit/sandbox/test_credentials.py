from patang.sandbox import credentials


def test_secrets_repeat_with_the_seed_and_differ_between_seeds_and_purposes():
    secrets = [
        make(seed)
        for seed in (1, 2)
        for make in (
            credentials.api_key,
            credentials.api_secret,
            lambda seed: credentials.token(seed, "access", "AB1234", 0),
            lambda seed: credentials.token(seed, "access", "AB1234", 1),
            lambda seed: credentials.token(seed, "access", "CD5678", 0),
            lambda seed: credentials.token(seed, "request", "AB1234", 0),
        )
    ]
    assert len(set(secrets)) == len(secrets)
    assert credentials.api_key(1) == credentials.api_key(1)


def test_tokens_look_like_kites():
    token = credentials.token(1, "access", "AB1234", 0)
    assert len(token) == 32
    assert token.isascii()
    assert token.isalnum()
