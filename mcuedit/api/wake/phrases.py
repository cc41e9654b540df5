# SPDX-License-Identifier: Apache-2.0
"""Phrases that sound like a wake word and are none, for the nets that ESPHome and Home Assistant ship."""

from __future__ import annotations

WAKE = {"okay_nabu": "okay nabu", "alexa": "alexa", "hey_jarvis": "hey jarvis", "hey_mycroft": "hey mycroft"}

CONFUSABLE = {
    "okay_nabu": (
        "okay nabil|okay now you|open a book|okay not you|okay now who|okay nobody|okay number two|okay nab it|"
        "okay maybe you|okay about you|okay now blue|okay a new|okay napping|okay navy blue|okay knob|okay grab you|"
        "okay noodle|broken abu|okay no boo|hockey now boo|take a nap you|okay nap you"
    ),
    "alexa": (
        "election|a lexus|alexander|a lecture|alex is|the lexicon|elixir|a legs are|relax a bit|i like saw|unless a|"
        "all ecstatic|collects a|reflects a|perplexed|alaska|select a|complexity|a flexible|all extra|alexis|annexed a"
    ),
    "hey_jarvis": (
        "hey jarvey|hey harvest|hey jarred|hey jar this|hey travis|a jar of this|hey service|hey marvin|hey chavez|"
        "hey charge is|hey jars|hey garbage|hey jarman|hey jobs|hey target|they starve us|hey carves|hey jealous|"
        "hey java|hey chargers|hey jar fish|hey nervous"
    ),
    "hey_mycroft": (
        "hey my craft is|hey microsoft|hey minecraft|hey my crops|hey my cross|hey micro|hey my crow|hey my crown|"
        "hey my loft|hey aircraft|hey my graph|hey microphone|hey my craft|a mike rough|hey my draft|hey my coffee|"
        "hey bike loft|hey microscope|hey my crawl|hey mike off|hey my groff|hey microwave"
    ),
}


def confusable(name: str) -> tuple[str, ...]:
    """Those of one net."""
    return tuple(CONFUSABLE[name].split("|"))
