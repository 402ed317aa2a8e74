"""Clients of accounts that were logged in before: a profile, and the session kept for it.

``async with saved_kite("home") as kite`` is all a script needs after ``patang login``.
"""

import msgspec

from patang.config.environment import Environment, read_environment
from patang.config.profile import Profile
from patang.config.profiles import read_profiles
from patang.domain.enums import Mode
from patang.domain.errors import PatangError
from patang.domain.secret import Secret
from patang.kite.client import Kite
from patang.kite.clock import Clock, SystemClock
from patang.kite.login import Login
from patang.kite.transport import NetworkSettings
from patang.rules.ist import format_ist
from patang.storage.key_chain import KeyChain
from patang.storage.vault import SavedApiSecret, SavedSession, Vault


class SessionEnded(PatangError):
    """There is no session for an account, or it has ended: log in again."""


class SavedAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A profile and where its secrets are kept. ``option`` names it on a command line.

    ``usual_token`` and ``usual_secret`` serve where nothing was kept: a sandbox tells its own, and
    by ``network`` what certificate to trust.
    """

    name: str
    option: str
    profile: Profile
    vault: Vault
    keys: KeyChain
    environment: Environment
    usual_token: Secret | None = None
    usual_secret: Secret | None = None
    network: NetworkSettings = NetworkSettings()

    @property
    def how_to_log_in(self) -> str:
        """The remedy of every dead session."""
        return f"Log in: patang login {self.option}"

    def kite(self, access_token: Secret | None) -> Kite:
        """A client of this account; close it."""
        profile = self.profile
        return Kite(
            profile.api_key,
            access_token,
            profile.root,
            login_root=profile.login_url,
            network=self.network,
        )

    def saved_session(self) -> SavedSession | None:
        """The session that was kept, if it is of this app and server; raises as ``Vault``."""
        session = self.vault.session(self.name)
        ours = (self.profile.root, self.profile.api_key)
        if session is None or (session.root, session.api_key) != ours:
            return None
        return session

    def api_secret(self) -> Secret | None:
        """The app's secret: from the environment, else what was kept for it, else the usual."""
        given = self.environment.api_secret
        if given is not None:
            return Secret(given.get_secret_value())
        kept = self.vault.api_secret(self.name)
        if kept is None or kept.api_key != self.profile.api_key:
            return self.usual_secret
        return kept.api_secret

    def access_token(self, clock: Clock) -> Secret:
        """The token to use.

        Raises:
            SessionEnded: there is none, or it died at 06:00 IST.
            SecretStorageError: it is kept but cannot be read.
        """
        session = self.saved_session()
        if session is None and self.usual_token is not None:
            return self.usual_token
        if session is None:
            raise SessionEnded(f"There is no session for {self.name}.", self.how_to_log_in)
        # A sandbox lives in another day than this machine: its server says what has expired.
        if self.profile.mode is Mode.LIVE and session.expires_ns <= clock.now_ns():
            raise SessionEnded(
                f"The session of {self.name} ended at {format_ist(session.expires_ns)} IST.",
                self.how_to_log_in,
            )
        return session.access_token

    def keep(self, login: Login) -> SavedSession:
        """Keep a session, encrypted; raises ``SecretStorageError``."""
        session = SavedSession(
            profile=self.name,
            mode=self.profile.mode,
            root=self.profile.root,
            api_key=self.profile.api_key,
            user_id=login.user_id,
            user_name=login.user_name,
            access_token=login.access_token,
            login_ns=login.login_ns,
            expires_ns=login.expires_ns,
        )
        self.vault.save(session)
        return session

    def keep_api_secret(self, api_secret: Secret) -> None:
        """Keep the app's secret, encrypted; raises ``SecretStorageError``."""
        kept = SavedApiSecret(
            profile=self.name, api_key=self.profile.api_key, api_secret=api_secret
        )
        self.vault.save(kept)


def saved_account(profile: str | None = None) -> SavedAccount:
    """The account of a profile; of the one that environment and file choose, without a name.

    Raises:
        ConfigInvalid: the profiles are wrong, or leave the choice open.
    """
    environment = read_environment()
    name, found = read_profiles(environment.config_folder, profile).chosen()
    keys = KeyChain(environment)
    return SavedAccount(
        name=name,
        option=f"--profile {name}",
        profile=found,
        vault=Vault(environment.config_folder, keys),
        keys=keys,
        environment=environment,
    )


def saved_kite(profile: str | None = None, *, clock: Clock | None = None) -> Kite:
    """A client with the session that ``patang login`` kept; use it as an async context manager.

    Raises:
        ConfigInvalid: as ``saved_account``.
        SessionEnded: nobody has logged in since the last 06:00 IST.
        SecretStorageError: the session cannot be read.
    """
    account = saved_account(profile)
    return account.kite(account.access_token(clock or SystemClock()))
