"""The two ends of ``labeling import``: where each is, and with which keys requests to it are signed.

Keys of Amazon are never sent to a service of one's own, nor the other way round: see :func:`check_keys`.
"""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from labeling_provider.cli.asking import KEYS
from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.facts import is_amazon

if TYPE_CHECKING:
    import boto3
    from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper

_IN_PATH: Final = {"addressing_style": "path"}
_LOCAL: Final = ("local", "local")
"""Keys that sign requests to a service that demands no credentials."""


class ImportingError(LabelingError):
    """The command can't be run as it was given; the text says why."""


class ImportEnd(NamedTuple):
    """One end of the import.

    :param key_of: the id of the access key with which requests to a service such as ``s3`` are signed; None if there
        is none.
    """

    ground_truth: GroundTruth
    key_of: Callable[[str], str | None]


def source_of(chosen: Namespace) -> ImportEnd:
    """Where the jobs come from, by the options of the command.

    :raises ImportingError: if the options contradict each other.
    :raises BotoCoreError: if there is no such profile.
    """
    if chosen.aws_conn_id:
        end = _connected(chosen.aws_conn_id, chosen.region, chosen.outage, _Addresses(chosen.from_endpoint))
        where = end.ground_truth.endpoint_url
        if chosen.from_amazon and not is_amazon(where):
            raise ImportingError(
                f"--from-amazon: the Airflow connection {chosen.aws_conn_id} leads to {where}, which is not Amazon's. "
                f"Use --from-endpoint {where} with it."
            )
        return end
    import boto3
    from botocore.config import Config

    session = boto3.Session(profile_name=chosen.profile, region_name=chosen.region)
    keys = None if chosen.from_amazon or chosen.profile else _LOCAL

    def make(service: str, **settings: Any) -> Any:
        # AWS_ENDPOINT_URL and its kin most likely name the service that the jobs go to.
        config = Config(ignore_configured_endpoint_urls=True, **settings)
        if chosen.from_amazon:
            return session.client(service, config=config)
        config = config.merge(Config(s3=_IN_PATH))
        return session.client(service, endpoint_url=chosen.from_endpoint, config=config, **_signed(keys))

    return ImportEnd(GroundTruth(make, outage=chosen.outage), lambda _: keys[0] if keys else _key_of(session))


def target_of(chosen: Namespace, region: str) -> ImportEnd:
    """Where the jobs go to, by the options of the command and the environment.

    :param region: the region of the jobs.
    :raises ImportingError: if half of the service's keys are missing.
    """
    if chosen.to_aws_conn_id:
        addresses = _Addresses(chosen.endpoint_url, chosen.s3_endpoint_url, os.environ.get("AWS_ENDPOINT_URL"))
        return _connected(chosen.to_aws_conn_id, region, chosen.outage, addresses)
    import boto3
    from botocore.config import Config

    session, keys = boto3.Session(region_name=region), _keys_of_service()

    def make(service: str, **settings: Any) -> Any:
        config = Config(s3=_IN_PATH, **settings)
        if service == "s3" and chosen.s3_endpoint_url:
            return session.client(service, endpoint_url=chosen.s3_endpoint_url, config=config)
        return session.client(service, endpoint_url=endpoint_of_target(chosen), config=config, **_signed(keys))

    def key_of(service: str) -> str | None:
        return _key_of(session) if service == "s3" and chosen.s3_endpoint_url else keys[0]

    return ImportEnd(GroundTruth(make, outage=chosen.outage), key_of)


def endpoint_of_target(chosen: Namespace) -> str | None:
    """The target's address, if it was given or is in the environment."""
    return chosen.endpoint_url or os.environ.get("AWS_ENDPOINT_URL")


def check_keys(source: ImportEnd, target: ImportEnd) -> None:
    """Make sure that no key is sent to Amazon as well as to somebody else.

    :raises ImportingError: if one would be.
    """
    for here in _signers(source):
        for there in _signers(target):
            is_real = here.key != _LOCAL[0]
            if is_real and here.key == there.key and is_amazon(here.url) != is_amazon(there.url):
                raise ImportingError(
                    f"The access key …{here.key[-4:]} would sign requests to {here.url} and to {there.url}. Amazon "
                    "keys must not be sent anywhere else: give them with --profile or --aws-conn-id, so that the ones "
                    "boto3 finds by itself are those of your own S3; or give the connection of --to-aws-conn-id a "
                    "login and password, and keys for S3 in service_config.s3 that are not Amazon's."
                )


class _Signer(NamedTuple):
    url: str
    key: str


def _signers(end: ImportEnd) -> list[_Signer]:
    clients = {"sagemaker": end.ground_truth.sagemaker, "s3": end.ground_truth.s3}
    keys = {service: end.key_of(service) for service in clients}
    return [_Signer(str(client.meta.endpoint_url), key) for name, client in clients.items() if (key := keys[name])]


def _keys_of_service() -> tuple[str, str]:
    """:raises ImportingError: if only one half is set."""
    identity, secret = (os.environ.get(name) for name in KEYS)
    if bool(identity) != bool(secret):
        raise ImportingError(f"{KEYS[bool(identity)]} is not set, but {KEYS[not identity]} is.")
    return (identity, secret) if identity and secret else _LOCAL


def _signed(keys: tuple[str, str] | None) -> dict[str, str]:
    return {"aws_access_key_id": keys[0], "aws_secret_access_key": keys[1]} if keys else {}


def _key_of(session: boto3.Session) -> str | None:
    credentials = session.get_credentials()
    return str(credentials.access_key) if credentials else None


class _Addresses(NamedTuple):
    """Where a connection's keys are sent to.

    :param everything: the address that was given in place of the connection's, if one was.
    :param s3: the same for S3.
    :param otherwise: the address if neither the connection nor anybody else names one.
    """

    everything: str | None
    s3: str | None = None
    otherwise: str | None = None


def _connected(name: str, region: str | None, outage: float, addresses: _Addresses) -> ImportEnd:
    """One end, as an Airflow connection describes it.

    :raises ImportingError: if there is no such connection.
    """
    from labeling_provider.hooks.labeling import LabelingHook

    def redirected(ask: Callable[[], AwsConnectionWrapper]) -> AwsConnectionWrapper:
        connection = ask()
        if not connection:
            raise ImportingError(f"There is no Airflow connection {name}.")
        _redirect(connection, addresses)
        return connection

    hook = LabelingHook(aws_conn_id=name, region_name=region, outage=outage, ask=redirected)
    return ImportEnd(hook.ground_truth, hook.access_key)


def _redirect(connection: AwsConnectionWrapper, addresses: _Addresses) -> None:
    """Point a connection to another address. Its own S3 address stays, because S3 may be in a third place."""
    from botocore.config import Config

    services = {service: dict(settings) for service, settings in connection.service_config.items()}
    given = addresses.everything or (None if connection.endpoint_url else addresses.otherwise)
    if given:
        connection.endpoint_url = given
        for service in services.keys() - {"s3"}:
            services[service].pop("endpoint_url", None)
    if addresses.s3:
        services["s3"] = {**services.get("s3", {}), "endpoint_url": addresses.s3}
    connection.service_config = services
    # AWS_ENDPOINT_URL and its kin are for neither Amazon nor whatever the connection leads to.
    config = Config(ignore_configured_endpoint_urls=True)
    if given or addresses.s3:
        config = config.merge(Config(s3=_IN_PATH))
    connection.botocore_config = (connection.botocore_config or Config()).merge(config)
