"""How fast Prescreen is, as ratios to what it can be held against. See README.md beside this file.

    python tests/bench/run.py [--quick]

Everything is measured in turns within one run, so that a busy machine slows both sides of a ratio alike; a ratio is
the median over the turns. What the rule engines and the application answer is compared before anything is timed.
"""

from __future__ import annotations

import argparse
import gc
import json
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import exactness
import httpx
from handwritten import outcomes
from load import Job, Outcome
from peers import conclude, json_logic_findings, mismatches, zen_findings
from population import AS_OF, participants
from questioning import Table, rows
from server import fill

from app.rules.ask import Interviewer
from app.rules.facts import Date, Value
from app.rules.participant import Participant, read_participant
from app.rules.protocol import Question
from app.rules.verdict import Evaluator, Verdict
from app.trials import read_trial
from app.web.api import evaluated
from app.web.body import parse_json
from app.web.forms import NOT_KNOWN, shown
from app.web.published import Published, prepare

UNKNOWN = 0.2
CONNECTIONS = 4
NCT_ID = "NCT05086315"
TRIAL, PROTOCOL = read_trial()
Row = tuple[str, str, str, str]


def people(count: int, seed: int) -> list[dict[str, Any]]:
    """Synthetic participants with a fifth of their facts unknown."""
    return list(participants(count, seed, UNKNOWN))


def made_ready() -> Published:
    """The protocol with fresh engines: nothing remembered yet."""
    return prepare(TRIAL, PROTOCOL, 1, "0" * 64)


def read(answers: dict[str, Any]) -> Participant:
    return read_participant(PROTOCOL, {"answers": answers}, AS_OF)


def body(answers: dict[str, Any]) -> bytes:
    return json.dumps({"answers": answers, "as_of": AS_OF.isoformat()}).encode()


def cpu(work: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Microseconds of processor time per item."""
    gc.collect()
    start = time.process_time()
    for item in items:
        work(item)
    return (time.process_time() - start) / len(items) * 1e6


def about(microseconds: float) -> str:
    """A time to one digit and a half: an order of magnitude."""
    unit, value = ("us", microseconds) if microseconds < 950 else ("ms", microseconds / 1000)
    return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"


# IN PROCESS


def told(verdict: Verdict) -> dict[str, Any]:
    """A verdict in the words of `handwritten.outcomes`, review points and the reasons' order left out."""
    return {
        "verdict": verdict.decision,
        "cohorts": {each.cohort.code: each.verdict for each in verdict.cohorts},
        "criteria": {r.criterion.code: r.outcome for r in verdict.results if r.criterion.kind != "review"},
        "groups": dict(verdict.groups),
    }


def check_agreement(sample: list[dict[str, Any]]) -> None:
    """The application, the peers and the hand-written rules say the same of everybody; else nothing is timed."""
    published = made_ready()
    forgetful = Evaluator(PROTOCOL, remember=0)
    for answers in sample:
        expected, verdict = outcomes(answers, AS_OF), published.evaluate(read(answers))
        said = told(verdict)
        assert said == {key: expected[key] for key in said}, answers
        assert published.report(verdict) == published.report(forgetful.evaluate(read(answers))), answers
    assert not mismatches(zen_findings, sample), "zen-engine"
    assert not mismatches(json_logic_findings, sample), "json-logic"


def in_process(count: int, rounds: int) -> Iterator[Row]:
    """One participant after another, as CPU time."""
    seen, new, newer = [people(count, seed) for seed in (1, 2, 3)]
    published, cold = made_ready(), made_ready()
    read_seen, read_new, read_newer = [[read(answers) for answers in each] for each in (seen, new, newer)]

    def full(participant: Participant) -> bytes:
        return published.report(published.evaluate(participant))

    first = cpu(lambda participant: cold.report(cold.evaluate(participant)), read_seen[: count // 10])
    for participant in read_seen:
        full(participant)
    share = count // rounds
    contenders: dict[str, Callable[[slice], float]] = {
        "by hand": lambda turn: cpu(lambda answers: outcomes(answers, AS_OF), new[turn]),
        "zen": lambda turn: cpu(lambda answers: conclude(zen_findings(answers, AS_OF)), new[turn]),
        "json_logic": lambda turn: cpu(lambda a: conclude(json_logic_findings(a, AS_OF)), new[turn][: share // 4]),
        "outcomes, new": lambda turn: cpu(published.evaluate, read_new[turn]),
        "outcomes": lambda turn: cpu(published.evaluate, read_new[turn]),
        "full, new": lambda turn: cpu(full, read_newer[turn]),
        "full": lambda turn: cpu(full, read_newer[turn]),
        "read": lambda turn: cpu(read, new[turn]),
    }
    slices = [slice(turn * share, (turn + 1) * share) for turn in range(rounds)]
    turns = [{name: work(turn) for name, work in contenders.items()} for turn in slices]

    def row(what: str, name: str) -> Row:
        ratio = median(turn[name] / turn["by hand"] for turn in turns)
        return what, "rules written by hand, outcomes only", f"{ratio:.1f}", about(median(t[name] for t in turns))

    yield row("zen-engine, outcomes only", "zen")
    yield row("json-logic, outcomes only", "json_logic")
    yield row("Evaluation (outcomes and what they rest on), people seen before", "outcomes")
    yield row("Evaluation, new people", "outcomes, new")
    yield row("Evaluation and full result as JSON, people seen before", "full")
    yield row("Evaluation and full result as JSON, new people", "full, new")
    yield row("Reading and checking the answers", "read")
    by_hand = median(turn["by hand"] for turn in turns)
    what = f"Evaluation and full result as JSON, the first {count // 10} people ever"
    yield what, "rules written by hand, outcomes only", f"{first / by_hand:.0f}", about(first)


# ONE STEP OF AN INTERVIEW


def interviewed(
    interviewer: Interviewer, answers: dict[str, Value | None], participant: Participant
) -> Iterator[float]:
    """The seconds that each step of one interview took to find."""
    given: dict[str, Value | None] = {}
    while True:
        start = time.thread_time()
        step = interviewer.interview(Participant(given, participant.dates, participant.readings)).step
        yield time.thread_time() - start
        if step is None:
            return
        for question in step.questions:
            given = given | answered(question, answers)


def answered(question: Question, answers: dict[str, Any]) -> dict[str, Any]:
    """What this person answers to a question: the fact, its alternative, or that it is not known."""
    keys = [key for key in (question.key, question.alternative) if key is not None]
    known = {key: answers[key] for key in keys if answers.get(key) is not None}
    return known or {question.key: None}


def interviews(count: int) -> Iterator[Row]:
    interviewer = made_ready().interviewer
    steps = []
    for answers in people(count, 3):
        participant = read(answers)
        steps.append([1e6 * spent for spent in interviewed(interviewer, dict(participant.answers), participant)])
    late = [spent for each in steps[count // 2 :] for spent in each]
    yield "One step of an interview, median", "-", "-", about(median(late))
    yield "One step of an interview, 99th percentile", "-", "-", about(quantiles(late, n=100)[98])
    yield "One step of an interview, slowest", "-", "-", about(max(spent for each in steps for spent in each))


# OVER HTTP


class Server:
    """The served application, with a client for single requests and a process that makes load."""

    def __init__(self, port: int, process: int, load: subprocess.Popen[bytes]) -> None:
        self.port, self.process, self.load = port, process, load
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)

    def rush(self, requests: list[bytes], seconds: float) -> Outcome:
        """Requests one after another over several connections."""
        assert self.load.stdin is not None
        assert self.load.stdout is not None
        pickle.dump(tuple(Job(self.port, requests, seconds, CONNECTIONS)), self.load.stdin)
        self.load.stdin.flush()
        outcome = Outcome(*pickle.load(self.load.stdout))
        assert not outcome.failures, outcome
        return outcome

    def rate(self, requests: list[bytes], seconds: float) -> float:
        """Requests answered per second of the server's processor time, all its threads together.

        The server is one process that the load keeps busy: undisturbed, this is what it answers in a second.
        """
        before = self.cpu()
        outcome = self.rush(requests, seconds)
        return outcome.responses / (self.cpu() - before)

    def cpu(self) -> float:
        """The seconds of processor time that the server has used."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def mebibytes(self) -> float:
        """The memory that the server holds (RSS)."""
        lines = Path(f"/proc/{self.process}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


@contextmanager
def serving(size: int) -> Iterator[Server]:
    """A server on a fresh database; it and the process that makes load end with the block."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "bench.sqlite3"
        fill(database)
        environment = {"PYTHONPATH": str(HERE.parents[1]), "PATH": "/usr/bin:/bin"}
        arguments = [sys.executable, str(HERE / "server.py"), str(database), str(size)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "env": environment}
        with (
            subprocess.Popen(arguments, **pipes) as served,
            subprocess.Popen([sys.executable, str(HERE / "load.py")], **pipes) as load,
        ):
            try:
                assert served.stdout is not None
                yield Server(int(served.stdout.readline()), served.pid, load)
            finally:
                for process in (load, served):
                    assert process.stdin is not None
                    process.stdin.close()


def post(path: str, content: bytes) -> bytes:
    """A request as bytes."""
    head = f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {len(content)}"
    return f"{head}\r\n\r\n".encode() + content


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: bench\r\naccept: text/html\r\n\r\n".encode()


def in_turns(server: Server, ours: list[bytes], bare: list[bytes], turns: int, seconds: float) -> tuple[float, float]:
    """Our share of the bare requests per second, and our requests per second."""
    rates = [(server.rate(ours, seconds), server.rate(bare, seconds)) for _ in range(turns)]
    return median(mine / theirs for mine, theirs in rates), median(mine for mine, _ in rates)


def meet(server: Server, requests: list[bytes]) -> None:
    """Send every request at least once, however busy the machine is; each rush begins with the first ones anew."""
    for start in range(0, len(requests), 400):
        part, seconds = requests[start : start + 400], 0.4
        while server.rush(part, seconds).responses < 2 * len(part):
            seconds *= 2


def evaluate_endpoint(server: Server, count: int, turns: int, seconds: float) -> Iterator[Row]:
    bodies = [body(answers) for answers in people(count, 4)]
    ours = [post(f"/api/v1/trials/{NCT_ID}/evaluate", each) for each in bodies]
    bare = [post(f"/bare/trials/{NCT_ID}/evaluate", each) for each in bodies]
    meet(server, ours)
    share, rate = in_turns(server, ours, bare, turns, seconds)
    against = "FastAPI endpoint, pydantic body, ready bytes of this size"
    yield "POST evaluate, people seen before", against, f"{share:.2f}", f"{rate:,.0f}/s"


def newcomers(server: Server, turns: int, seconds: float) -> Iterator[Row]:
    """The same endpoint for people who were never seen, more in each turn than can be answered."""
    rates = []
    for turn in range(turns):
        bodies = [body(answers) for answers in people(6000, 100 + turn)]
        ours, bare = (
            [post(f"{root}/trials/{NCT_ID}/evaluate", each) for each in bodies] for root in ("/api/v1", "/bare")
        )
        rates.append((server.rate(ours, seconds), server.rate(bare, seconds)))
    share, rate = (median(values) for values in ((a / b for a, b in rates), (a for a, _ in rates)))
    yield "POST evaluate, new people", "the same endpoint", f"{share:.2f}", f"{rate:,.0f}/s"


def batch_endpoint(server: Server, met: int, count: int, rounds: int) -> Iterator[Row]:
    """Processor time per participant of a batch, against the same lines in process, where the same people were met."""
    lines = [body(answers) for answers in people(count, 5)]
    content, published, today = b"\n".join(lines), made_ready(), date.today()  # noqa: DTZ011
    for answers in people(met, 4):
        evaluated(published, parse_json(body(answers)), today)
    url, headers = f"/api/v1/trials/{NCT_ID}/evaluate-batch", {"content-type": "application/x-ndjson"}
    ratios, times = [], []
    for turn in range(rounds + 1):
        before = server.cpu()
        answer = server.client.post(url, content=content, headers=headers)
        served = (server.cpu() - before) / count * 1e6
        here = cpu(lambda line: evaluated(published, parse_json(line), today), lines)
        assert answer.content.count(b'"verdict"') >= count, answer.text[:300]
        if turn:  # the first one is cold on both sides
            ratios.append(served / here)
            times.append(served)
    yield (
        "POST evaluate-batch, per participant",
        "the same lines in process",
        f"{median(ratios):.2f}",
        about(median(times)),
    )


def fields(question: Question, answers: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a person sends for a question."""
    given = answered(question, answers)
    for key, raw in given.items():
        one = PROTOCOL.question_by_key[key]
        if raw is None:
            yield (
                (key, NOT_KNOWN)
                if hasattr(one.type, "options") or one.type.name == "yes_no"
                else (f"{key}-not_known", "1")
            )
            continue
        value = shown(one, raw)
        if isinstance(one.type, Date):
            yield from ((f"{key}-{part}", text) for part, text in value.items())
        else:
            yield from ((key, text) for text in (value if isinstance(value, list) else [value]))


def questionnaire(server: Server, answers: dict[str, Any], most: int = 1000) -> str:
    """Go through the pages as a browser does, for so many steps at the most; gives the address reached."""

    def follow(response: httpx.Response) -> str:
        assert response.status_code == 303, (response.status_code, response.text[-3000:])
        return response.headers["location"]

    place = follow(server.client.get(follow(server.client.post("/checks", content=b"", headers=FORM))))
    for _ in range(most):
        if "/questions/" not in place:
            break
        assert server.client.get(place).status_code == 200, place
        keys = unquote(urlsplit(place).path).rpartition("/")[2].split("+")
        sent = [pair for key in keys for pair in fields(PROTOCOL.question_by_key[key], answers)]
        place = follow(server.client.post(place, content=urlencode([*sent, ("do", "continue")]), headers=FORM))
    if "/result" in place:
        assert server.client.get(place).status_code == 200
    return place


FORM = {"content-type": "application/x-www-form-urlencoded"}


def page_endpoint(server: Server, count: int, turns: int, seconds: float) -> Iterator[Row]:
    """The question pages of running checks, each stopped at some step."""
    places = [questionnaire(server, answers, 3 + number % 6) for number, answers in enumerate(people(count, 6))]
    places = [place for place in places if "/questions/" in place]
    size = sum(len(server.client.get(place).content) for place in places) // len(places)
    server.client.post(f"/bare/page/{size}")
    share, rate = in_turns(server, [get(place) for place in places], [get("/bare/page")], turns, seconds)
    against = f"ready page of this size ({size / 1000:.0f} kB)"
    yield "GET a question page, requests per second", against, f"{share:.2f}", f"{rate:,.0f}/s"


def memory(evaluations: int, questionnaires: int, size: int) -> Iterator[Row]:
    """The memory of a server of its own, before and after work."""
    with serving(size) as server:
        before = server.mebibytes()
        for answers in people(questionnaires, 7):
            questionnaire(server, answers)
        url, headers = f"/api/v1/trials/{NCT_ID}/evaluate", {"content-type": "application/json"}
        for answers in people(evaluations, 8):
            server.client.post(url, content=body(answers), headers=headers)
        after = server.mebibytes()
    work = f"{evaluations:,} evaluations and {questionnaires} questionnaires"
    yield f"Memory after {work}", f"before: {before:.0f} MiB", f"{after / before:.1f}", f"{after:.0f} MiB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="about 40 seconds instead of three minutes")
    quick = parser.parse_args().quick
    sample = people(300 if quick else 1500, 9)
    check_agreement(sample)
    published = made_ready()
    size = sum(len(published.report(published.evaluate(read(answers)))) for answers in sample[:200]) // 200
    turns, seconds = (3, 1.0) if quick else (9, 1.5)
    show(("What", "Against", "Ratio", "About"), ("---", "---", "---:", "---:"))
    show(*in_process(2000 if quick else 8000, 5 if quick else 10))
    show(*interviews(40 if quick else 300))
    with serving(size) as server:
        met = 2000 if quick else 8000
        show(*evaluate_endpoint(server, met, turns, seconds))
        show(*batch_endpoint(server, met, 1000 if quick else 4000, 3 if quick else 5))
        show(*page_endpoint(server, 10 if quick else 30, turns, seconds))
        show(*newcomers(server, 3, seconds))
    show(*memory(1000 if quick else 10_000, 10 if quick else 200, size))
    print()
    show(*rows(Table(50 if quick else 500)))
    print()
    print(exactness.HEAD, exactness.RULE, sep="\n")
    print(*map(str, exactness.rows(200 if quick else 1000)), sep="\n", flush=True)


def show(*table: tuple[str, ...]) -> None:
    """Print rows of a table."""
    for row in table:
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
