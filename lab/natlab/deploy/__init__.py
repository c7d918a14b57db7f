"""Deploy any s.yaml of component fc3, with the calls that Serverless Devs makes, in its order."""

from natlab.deploy.component import Component, Step, deploy
from natlab.deploy.template import (
    DeployError,
    Overrides,
    Resource,
    Scope,
    Template,
    load,
    run_actions,
    zipped,
)
from natlab.deploy.wire import Account

__all__ = [
    "Account",
    "Component",
    "DeployError",
    "Overrides",
    "Resource",
    "Scope",
    "Step",
    "Template",
    "deploy",
    "load",
    "run_actions",
    "zipped",
]
