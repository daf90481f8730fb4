# SPDX-License-Identifier: GPL-3.0-or-later
"""What is exported, documented and drawn, compared.

    metrics.py names TEXT...              the metrics in files of the Prometheus text format
    metrics.py documented docs/metrics.md the metrics in its tables
    metrics.py drawn docs/grafana.json    the metrics in its panels and variables
    metrics.py queries docs/grafana.json  each panel's queries, as a Prometheus takes them
"""

import json
import re
import sys

NAME = r"(?:farlan|process)_[a-z_]+[a-z]"


def names(files):
    found = set()
    for name in files:
        with open(name) as text:
            for line in text:
                match = re.match(r"# TYPE (\S+) ", line)
                if match:
                    found.add(match.group(1))
    return found


def documented(file):
    with open(file) as text:
        return set(re.findall(rf"^\| `({NAME})` \|", text.read(), re.M))


def expressions(file):
    with open(file) as text:
        dashboard = json.load(text)
    panels = [t["expr"] for p in dashboard["panels"] for t in p.get("targets", [])]
    variables = [v["definition"] for v in dashboard["templating"]["list"] if "definition" in v]
    return panels, variables


def drawn(file):
    panels, variables = expressions(file)
    found = {n for e in panels + variables for n in re.findall(rf"\b{NAME}\b", e)}
    return {re.sub("_bucket$", "", n) for n in found}


def queries(file):
    for e in expressions(file)[0]:
        yield e.replace("$__rate_interval", "1m").replace("$job", ".*").replace("$instance", ".*")


verb, arguments = sys.argv[1], sys.argv[2:]
if verb == "queries":
    print("\n".join(queries(*arguments)))
else:
    result = names(arguments) if verb == "names" else globals()[verb](*arguments)
    print("\n".join(sorted(result)))
