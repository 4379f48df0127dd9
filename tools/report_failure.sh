#!/usr/bin/env bash
# Open an issue with this title, or comment on the one that is open: a failure a week, one issue. Needs gh and GH_TOKEN.
set -euo pipefail
title=$1 body=$2
number=$(gh issue list --state open --limit 200 --json number,title --jq "map(select(.title == \"$title\")) | .[0].number // empty")
if [ -n "$number" ]; then
  gh issue comment "$number" --body "$body"
else
  gh issue create --title "$title" --body "$body"
fi
