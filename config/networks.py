"""Makes the networks that the operator's settings name known to the engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from config.problems import Problem, place, suggestion
from config.schema import Config, OwnNetwork
from dream.backbone.applications import APPLICATIONS, application, published_hash
from dream.backbone.catalog import BUILT_IN, NETWORKS, Network, add, remove
from dream.backbone.description import check_name, description_of
from dream.backbone.errors import WeightsError
from dream.backbone.preprocessing import PREPROCESSINGS
from dream.backbone.sources import Application, ModelFile


def add_networks(config: Config, file: Path) -> Iterator[Problem]:
    """Make the networks of `config`, and no others, known to this process; report those that cannot be.

    A file that was never seen before is described first, in a process of its own, which takes seconds.
    """
    for name in list(NETWORKS):
        remove(name)
    add(*(_with_file(network, config.weights.inception_v3) for network in BUILT_IN))
    for name, own in config.networks.items():
        try:
            check_name(name)
            add(_network(name, own))
        except WeightsError as error:
            section = f"networks.{name}"
            yield Problem(place(section, "", file), section, "", str(error))


def _with_file(network: Network, weights: Path | None) -> Network:
    """A built-in network with the operator's weights, if it takes any."""
    if not isinstance(network.source, Application):
        return network
    return dataclasses.replace(network, source=dataclasses.replace(network.source, file=weights))


def _network(name: str, own: OwnNetwork) -> Network:
    setting = f"networks.{name}.file"
    if own.application:
        called = {known.lower(): known for known in APPLICATIONS}.get(own.application.lower())
        if called is None:
            raise WeightsError(
                f"application is no network of keras.applications that Dreambot knows; "
                f"{suggestion(own.application, APPLICATIONS)}"
            )
        if own.preprocessing:
            raise WeightsError(
                f"preprocessing is for a model in a file; leave it out, {called} knows its own."
            )
        if not (own.file or own.hash or published_hash(called)):
            raise WeightsError(
                f"Keras publishes no hash of {called}'s weights, so they are not fetched: give their MD5 or "
                "SHA-256 as hash, or name a file with them."
            )
        network = application(
            name, called, file=own.file, setting=setting, hash=own.hash, only=map(str.lower, own.layers)
        )
    elif own.file:
        network = description_of(own.file, setting).network(
            name,
            ModelFile(own.file, setting),
            PREPROCESSINGS[own.preprocessing or "tf"],
            only=map(str.lower, own.layers),
        )
    else:
        raise WeightsError(
            'names no network: write application = "VGG16", or another of keras.applications, or file = "…" '
            "with a Keras model."
        )
    return dataclasses.replace(
        network, title=own.title or network.title, description=own.description or network.description
    )
