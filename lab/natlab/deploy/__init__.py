"""Deploy any s.yaml of component fc3, with the calls that Serverless Devs makes, in its order."""

from natlab.deploy.component import Component, DeployStep, deploy
from natlab.deploy.template import (
    DeployError,
    Overrides,
    Resource,
    Template,
    TemplateScope,
    load,
    run_actions,
    zipped,
)
from natlab.deploy.wire import Deployer

__all__ = [
    "Component",
    "DeployError",
    "DeployStep",
    "Deployer",
    "Overrides",
    "Resource",
    "Template",
    "TemplateScope",
    "deploy",
    "load",
    "run_actions",
    "zipped",
]
