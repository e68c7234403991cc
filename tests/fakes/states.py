"""What does a small state look like, as Terraform writes it?"""

import json


def a_state(serial: int, lineage: str = "lineage-1", **outputs: str) -> bytes:
    document = {
        "version": 4,
        "terraform_version": "1.9.0",
        "serial": serial,
        "lineage": lineage,
        "outputs": {name: {"value": value, "type": "string"} for name, value in outputs.items()},
        "resources": [],
    }
    return json.dumps(document).encode()
