"""Is Alibaba's metadata part of the repository, and is it only facts?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from natlab.cloud import contracts
from natlab.cloud.contracts import __main__ as vendor

SOURCE = {
    "product": "Vpc",
    "version": "2016-04-28",
    "style": "RPC",
    "apis": {
        "DescribeVpcs": {
            "method": ["post", "get"],
            "path": "/",
            "parameters": {
                "RegionId": {"in": "query", "required": True, "type": "string"},
                "PageSize": {"in": "query", "required": False, "type": "integer", "maximum": "50", "default": "10"},
                "Tag": {"in": "query", "required": False, "type": [{"Key": "string"}], "maxItems": 20},
            },
            "response": {"RequestId": "string"},
            "errors": {"InvalidVpcId": {"status": 404, "message": "The VPC is not there."}},
        }
    },
}


def test_every_product_that_natkeeper_calls_is_vendored() -> None:
    """Seven products, and every operation that has a write or a read in ports.py."""
    assert {one.product for one in contracts.products()} == {
        *("actiontrail", "ecs", "eventbridge", "fc", "fc-open", "oos", "vpc"),
    }
    assert contracts.api("vpc", "ModifyRouteEntry").errors["OperationDenied.RouteTableTypeNotPermitted"] == 400
    assert contracts.api("ecs", "DescribeInstancesFullStatus").parameters["InstanceId"].at_most == 100
    assert contracts.fc3_schema()["definitions"]["IEventBridge"]["required"]
    assert contracts.fc_configurations()["TimerTriggerConfig"]["cronExpression"] == "string"


def test_only_facts_are_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages stay behind, defaults are left out, limits are numbers, and the file reads back as it was."""
    monkeypatch.setattr(vendor, "FOLDER", tmp_path / "written")
    (tmp_path / "written").mkdir()
    (tmp_path / "vpc-2016-04-28.json").write_text(json.dumps(SOURCE))
    schema = {"$schema": "s", "description": "prose", "properties": {"description": {"type": "string", "title": "t"}}}
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    vendor.main(tmp_path)
    text = (tmp_path / "written" / "vpc-2016-04-28.json").read_text()
    assert "not there" not in text
    assert text.splitlines()[1].startswith(
        '"DescribeVpcs":{"errors":{"InvalidVpcId":404},"parameters":{"PageSize":{"default"'
    )
    product = vendor.facts(SOURCE)
    assert json.loads(text)["apis"]["DescribeVpcs"]["parameters"]["RegionId"] == {"required": True}
    assert product.apis["DescribeVpcs"].parameters["PageSize"].maximum == 50
    written = json.loads((tmp_path / "written" / "schema.json").read_text())
    assert written == {"$schema": "s", "properties": {"description": {"type": "string"}}}


def test_the_vendored_files_are_what_the_script_writes() -> None:
    """A file that was edited by hand would be lost with the next run of the script."""
    for product in contracts.products():
        file = contracts.FOLDER / f"{product.product}-{product.version}.json"
        assert file.read_text(encoding="utf-8") == vendor.written(product)


def test_missing_metadata_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left unchecked in silence."""
    monkeypatch.setattr(contracts, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match="holds no API metadata"):
        contracts.products.__wrapped__()
