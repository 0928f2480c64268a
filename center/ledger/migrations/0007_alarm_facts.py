"""An alarm keeps what its sentence needs, not the sentence: it is read in the reader's language."""

import re
from typing import Any

from django.db import migrations, models

SENTENCES = {
    "conflict": r"(?P<epoch>.*)：第 (?P<seq>\d+) 行与",
    "digest": r"(?P<epoch>.*)：第 (?P<seq>\d+) 行的日结",
    "quarantine": r"(?P<epoch>.*)：有 (?P<count>\d+) 行",
    "statement": r"对账单与流水不符：(?P<number>.*)",
}
WHOLE = {"seq", "count"}


def take_facts(apps: Any, _schema: object) -> None:
    """Take the facts out of the sentences that are there."""
    for alarm in apps.get_model("ledger", "Alarm").objects.all():
        found = re.match(SENTENCES[alarm.kind], alarm.text, re.DOTALL)
        told = found.groupdict() if found else {}
        alarm.facts = {name: int(v) if name in WHOLE else v for name, v in told.items()}
        alarm.save(update_fields=["facts"])


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0006_reversed_refunds"),
    ]

    operations = [
        migrations.AddField(
            "alarm", "facts", models.JSONField(default=dict), preserve_default=False
        ),
        migrations.RunPython(take_facts, migrations.RunPython.noop, elidable=True),
        migrations.RemoveField("alarm", "text"),
    ]
