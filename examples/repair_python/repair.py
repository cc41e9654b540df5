# SPDX-License-Identifier: Apache-2.0
"""Repair facts, look at what that did, and run it on a virtual Cortex-M4."""

import mcuedit

base = mcuedit.load_base("facts")
repair = mcuedit.edit(base, "corrections/edits.jsonl", "corrections/keep.jsonl", mcuedit.Options(name="repair"))
repair.save_pretrained("repair")

question = ["what currency is used in croatia?"]
print("before:", base.ask(question)[0].label)
base.set_adapters([repair])
print("after:", base.ask(question)[0].label)
print("keep set, same bytes:", repair.info["metrics"]["identical_keep"])
print("on a virtual Cortex-M4:", mcuedit.simulate(base, prompts=question).answers[0].label)
