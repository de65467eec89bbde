"""The command line: python -m app COMMAND, one function a command (see `parser`)."""

import argparse
import json
import os
import socket
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy.exc import DBAPIError

from app import actions, logs
from app.access import ROLES
from app.errors import Conflict, Invalid, Misconfigured, PrescreenError
from app.languages import LANGUAGES
from app.main import NCT_ID, clock, create_app, purge_database
from app.proof.remark import SEVERITIES, Remark, acknowledge
from app.rules import conditions, explain
from app.rules.check import warnings
from app.rules.edit_checks import raised
from app.rules.participant import InvalidParticipant, read_participant
from app.rules.protocol import InvalidProtocol, Protocol
from app.rules.verdict import Verdict
from app.settings import Settings, secret
from app.store import accounts, audit, backup, migrate, queries
from app.store.db import Database, ReadSession, WriteSession
from app.store.models import Account
from app.trials import BUILT_IN, Trial, read_acknowledged, read_trial
from app.trials.translations import Translation, problems, read_translations, update_translations
from app.web.body import parse_json
from app.web.published import Published, prepare
from app.web.replay import replay

ACTOR = "command line"
TOLD_AT_MOST = 20
FIRST_ACCOUNT = "Nobody has an account yet. The first one: python -m app invite LOGIN --name NAME --role administrator"


def serve(options: argparse.Namespace, settings: Settings) -> int:
    """Serve the application; an empty database is migrated and gets the built-in trial first."""
    with closing(opened(settings)) as database:
        migrate.upgrade(database.engine)
        _check_key(database)
        _load(database, BUILT_IN, only_if_none=True)
        purge_database(database, clock())
        with database.read() as session:
            head, is_first = audit.head(session), not accounts.has_accounts(session)
    with listen(options.host or settings.host, settings.port if options.port is None else options.port) as listening:
        host, port = listening.getsockname()[:2]
        print(f"Prescreen is at http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)
        print(f"The audit trail ends with {head}", flush=True)
        if is_first:
            print(FIRST_ACCOUNT, flush=True)
        config = uvicorn.Config(
            create_app(settings),
            access_log=False,  # it names addresses, which hold tokens; app.web.watch logs requests
            log_config=None,
            log_level="warning",
            server_header=False,
            h11_max_incomplete_event_size=32_768,
            timeout_keep_alive=20,
            timeout_graceful_shutdown=10,
        )
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
    return 0


def purge(options: argparse.Namespace, settings: Settings) -> int:
    """Delete the quick checks that have expired, the old copies of answers to programs, old sessions and invitations.

    A server does so at its start and each hour; this is for where none runs for long.
    """
    with closing(opened(settings)) as database:
        gone = purge_database(database, clock())
    print(
        f"Deleted: {gone.checks} quick checks, {gone.answers} kept answers, {gone.logins} old sessions and invitations."
    )
    return 0


def listen(host: str, port: int) -> socket.socket:
    """The socket on which to serve; port 0 takes any that is free."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, UnicodeError) as error:
        raise Misconfigured(f"cannot listen on {host}, port {port}: {error}") from None


def migrate_database(options: argparse.Namespace, settings: Settings) -> int:
    """Bring the database's schema up to date."""
    with closing(opened(settings)) as database:
        migrate.upgrade(database.engine, options.revision)
        print(f"The schema is at {migrate.current(database.engine)}.")
    return 0


def load(options: argparse.Namespace, settings: Settings) -> int:
    """Put a trial's protocol in force; nothing happens where just this content is in force already."""
    with closing(opened(settings)) as database:
        migrate.upgrade(database.engine)
        version, created = _load(database, options.file)
    print(f"Version {version} {'is now in force' if created else 'was in force already; nothing changed'}.")
    return 0


def check(options: argparse.Namespace, settings: Settings) -> int:
    """Look a trial's file over: it must be valid, and what is probably not meant is named, with somebody who shows it.

    Errors fail; warnings fail with --strict, which also asks for the formal check.
    """
    _, protocol = read_trial(options.file)
    acknowledged = read_acknowledged(options.file)
    remarks = [Remark(slip.place, slip.message, "warning") for slip in warnings(protocol)]
    proved = find_spec("z3") is not None
    if proved:
        from app.proof.check import remarks as formal_remarks  # z3 is optional

        remarks += formal_remarks(protocol)
        remarks = list(acknowledge(remarks, acknowledged))
    for remark in remarks:
        print("\n".join(remark_lines(remark, options.witnesses)))
    number = Counter(remark.severity for remark in remarks)
    counts = [f"{number[of]} {of}{'' if number[of] == 1 else 's'}" for of in SEVERITIES]
    print(f"{options.file.name}: valid, {', '.join(counts)}.")
    if not proved:
        print("The formal check was not run, as z3 is not installed: pip install 'prescreen[check]'.")
    return 1 if number["error"] or (options.strict and (number["warning"] or not proved)) else 0


def remark_lines(remark: Remark, always: bool) -> list[str]:
    """A remark for a person to read. A witness is a participant whom `screen` takes; `always` shows those of notes."""
    lines = [f"{remark.severity}: {remark.name}", *([f"    {remark.why}"] if remark.why else [])]
    for witness in remark.witnesses if always or remark.severity != "note" else ():
        reasons = "; ".join(f"{cohort}: {', '.join(codes)}" for cohort, codes in witness.reasons.items())
        lines.append(f"    {witness.decision.replace('_', ' ')}{f' ({reasons})' if reasons else ''}, for instance")
        lines.append(f"    {json.dumps(witness.body)}")
    return lines


def translations(options: argparse.Namespace, settings: Settings) -> int:
    """Say what of a trial's texts is not translated, or outdated; with --update, bring the files up to date."""
    _, protocol = read_trial(options.file)
    if options.update:
        update_translations(options.file, protocol, [language for language in LANGUAGES if language != "en"])
    status = 0
    for translation in read_translations(options.file, protocol):
        found = problems(translation, protocol)
        print(f"{translation.language}: {len(translation.texts)} texts, {translation.status}, {len(found)} to do")
        if options.list:
            print("\n".join(f"  {problem}" for problem in found))
        status = 1 if found else status
    return status


def screen(options: argparse.Namespace, settings: Settings) -> int:
    """Evaluate one participant's JSON (a file, or - for standard input) and explain the verdict."""
    content = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
    trial, protocol = read_trial(options.trial)
    published = prepare(trial, protocol, 0, "")
    participant = read_participant(protocol, parse_json(content), clock().date())
    verdict = published.evaluate(participant)
    if options.json:
        sys.stdout.buffer.write(published.explained(verdict) + b"\n")
    else:
        print(f"{trial.nct_id}, {trial.status.lower()} as of {trial.status_as_of} ({trial.source})")
        print("\n".join(told(verdict, published)))
    return 0


def told(verdict: Verdict, published: Published) -> list[str]:
    """A verdict for a person to read in a terminal."""
    note = conditions.decided_words(verdict, published.reporter.exactness.decision(verdict))
    lines = ["", explain.summary(verdict), *([note] if note else []), ""]
    for result in verdict.results:
        words = explain.OUTCOME_WORDS[result.criterion.kind][result.outcome]
        lines.append(f"{result.criterion.code:>4}  {words:<14}  {result.criterion.title}")
        if result.outcome in ("fail", "unknown"):
            lines.append(f"{'':22}{explain.result_reason(result)}")
    lines.append("")
    queries = raised(verdict.protocol, verdict.context.world)
    lines += [f"Please check: {explain.query_words(query, verdict.protocol)}" for query in queries]
    lines += [""] if queries else []
    lines += [f"{cohort.cohort.title}: {cohort.verdict.replace('_', ' ')}" for cohort in verdict.cohorts]
    lines += conditions.told(published.changes(verdict))
    lines += ["", "It supports a decision; it never makes one."]
    return lines


def verify_audit(options: argparse.Namespace, settings: Settings) -> int:
    """Walk the audit trail and name the first entry that is broken; --expect shows whether its end was cut off."""
    expect = audit.anchor(options.expect) if options.expect else None
    with closing(opened(settings)) as database, database.read() as session:
        found = audit.verify(session, database.audit_key, expect)
    return _told(found)


def _told(found: audit.Verified) -> int:
    for seq in found.backwards[:TOLD_AT_MOST]:
        print(f"note: the time of entry {seq} is before that of the entry before it")
    if found.fault is not None:
        print(f"BROKEN: entry {found.fault.seq} {found.fault.problem}")
        print(f"The {found.number} entries before it are whole.")
        return 1
    before = f", of which {found.sealed} from before the chain" if found.sealed else ""
    print(f"The audit trail is whole: {found.number} entries{before}, {found.redacted} contents redacted.")
    print(f"It ends with {found.head}")
    return 0


def audit_head(options: argparse.Namespace, settings: Settings) -> int:
    """Print where the audit trail ends. Kept elsewhere, it shows later that nothing before it changed."""
    with closing(opened(settings)) as database, database.read() as session:
        print(audit.head(session))
    return 0


def replay_verdicts(options: argparse.Namespace, settings: Settings) -> int:
    """Work every stored verdict out again and compare it, byte for byte, with what is stored."""
    different = number = 0
    with closing(opened(settings)) as database:
        for name, difference in replay(database):
            number += 1
            different += bool(difference)
            if difference and different <= TOLD_AT_MOST:
                print(f"screening {name}: {difference}")
    print(f"{number} stored verdicts were worked out again; {different} differ.")
    return 1 if different else 0


def back_up(options: argparse.Namespace, settings: Settings) -> int:
    """Copy the database into a new file while it is in use."""
    backup.backup(settings.database_url, options.file)
    print(f"{options.file} holds the database as it was at this moment. The key of the audit trail is not in it.")
    return 0


def restore(options: argparse.Namespace, settings: Settings) -> int:
    """Bring a backup back into an empty place, and look it over: schema, references, audit trail, numbers of rows."""
    expect = audit.anchor(options.expect) if options.expect else None
    backup.restore(settings.database_url, options.file)
    with closing(opened(settings)) as database:
        was = migrate.current(database.engine)
        migrate.upgrade(database.engine)
        print(f"The schema is at {migrate.current(database.engine)} (in the backup: {was}).")
        with database.read() as session:
            for table, rows in audit.counts(session):
                print(f"{rows:>9}  {table}")
            found = audit.verify(session, database.audit_key, expect)
    return _told(found)


def _check_key(database: Database) -> None:
    """Refuse to go on with another key than before: the audit trail would break."""
    with database.read() as session:
        if not audit.fits(session, database.audit_key):
            raise Misconfigured(
                "the last entry of the audit trail was not made with this key: PRESCREEN_KEY or PRESCREEN_KEY_FILE must"
                " give the one that this database has been used with; `audit verify` tells more"
            )


def invite(options: argparse.Namespace, settings: Settings) -> int:
    """Print a one-time link with which somebody sets their password; their account is made where there is none."""
    with closing(opened(settings)) as database:
        migrate.upgrade(database.engine)
        _load(database, BUILT_IN, only_if_none=True)
        with database.write() as session:
            account = accounts.account_by_login(session, options.login)
            grants = [] if options.role is None else [(options.role, _site_id(session, options.site))]
            if account is None:
                account = _hired(session, options, grants)
            elif not set(grants) <= (held := {(grant.role, grant.site_id) for grant in account.grants}):
                wanted: Any = [*held, *grants]
                actions.change_grants(session, account=account, grants=wanted, at=clock(), actor=ACTOR)
            token = actions.invite(session, account=account, at=clock(), actor=ACTOR)
            is_new = account.password_hash is None and account.issuer is None
    base = (options.url or settings.base_url or f"http://127.0.0.1:{settings.port}").rstrip("/")
    print(f"{base}/invite/{token}")
    lasts = actions.INVITED_FOR if is_new else actions.RESET_FOR
    print(f"It is good once, until {clock() + lasts:%Y-%m-%d %H:%M} UTC, for {account.name} ({account.login}).")
    return 0


def _hired(session: WriteSession, options: argparse.Namespace, grants: list[Any]) -> Account:
    """A new account, as the options say. Invalid names what is missing."""
    if options.name is None or not grants:
        missing = [("name", options.name), ("role", options.role)]
        raise Invalid([(field, "is needed for a new account") for field, value in missing if value is None])
    return actions.create_account(
        session, login=options.login, name=options.name, grants=grants, at=clock(), actor=ACTOR
    )


def _site_id(session: ReadSession, number: str | None) -> int | None:
    """The site with this number; None where none is asked for. Invalid."""
    if number is None:
        return None
    by_number = {site.number: site.id for site in queries.site_names(session, NCT_ID)}
    if number not in by_number:
        raise Invalid([("site", f"must be one of the trial's: {', '.join(by_number)}")])
    return by_number[number]


def opened(settings: Settings) -> Database:
    """The database that the settings name."""
    return Database(settings.database_url, secret(settings, "audit"))


def _load(database: Database, path: Path, only_if_none: bool = False) -> tuple[int, bool]:
    if only_if_none:  # looked up first, since reading the file takes a second
        with database.read() as session:
            present = queries.versions(session, NCT_ID)
        if present:
            return present[-1].version, False
    trial, protocol = read_trial(path)
    translations = read_translations(path, protocol)
    try:
        return _publish(database, trial, protocol, translations)
    except Conflict:  # another process loaded it at the same moment
        return _publish(database, trial, protocol, translations)


def _publish(
    database: Database, trial: Trial, protocol: Protocol, translations: list[Translation]
) -> actions.Published:
    with database.write() as session:
        published = actions.publish_protocol(session, trial=trial, protocol=protocol, at=clock(), actor=ACTOR)
        for translation in translations:
            actions.translate_trial(session, nct_id=trial.nct_id, translation=translation, at=clock(), actor=ACTOR)
    return published


def port_number(text: str) -> int:
    """A port; 0 is any that is free."""
    if not (text.isascii() and text.isdigit() and int(text[:9]) <= 65_535):
        raise argparse.ArgumentTypeError("must be a whole number from 0 to 65535")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    made = argparse.ArgumentParser(prog="python -m app", description=f"Eligibility pre-screening for {NCT_ID}.")
    commands = made.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("serve", help="serve the application", description=serve.__doc__)
    one.add_argument("--host", help="address to listen on (PRESCREEN_HOST, 127.0.0.1)")
    one.add_argument("--port", type=port_number, help="port to listen on (PRESCREEN_PORT, 8000)")
    one.set_defaults(run=serve)

    one = commands.add_parser("migrate", help="bring the schema up to date", description=migrate_database.__doc__)
    one.add_argument("revision", nargs="?", default="head")
    one.set_defaults(run=migrate_database)

    one = commands.add_parser("purge", help="delete what has expired", description=purge.__doc__)
    one.set_defaults(run=purge)

    one = commands.add_parser("load", help="put a trial's protocol in force", description=load.__doc__)
    one.add_argument("file", nargs="?", type=Path, default=BUILT_IN)
    one.set_defaults(run=load)

    one = commands.add_parser("invite", help="let somebody in", description=invite.__doc__)
    one.add_argument("login", help="their login, such as an address of e-mail")
    one.add_argument("--name", help="their name, for a new account")
    one.add_argument("--role", choices=list(ROLES), help="what they are here")
    one.add_argument("--site", help="the number of the site, for coordinators and physicians")
    one.add_argument("--url", help="where the application is (PRESCREEN_BASE_URL, else this machine)")
    one.set_defaults(run=invite)

    one = commands.add_parser("check", help="look a trial's file over", description=check.__doc__)
    one.add_argument("file", nargs="?", type=Path, default=BUILT_IN)
    one.add_argument("--strict", action="store_true", help="fail where there is a warning, or no z3")
    one.add_argument("--witnesses", action="store_true", help="show the participants behind notes too")
    one.set_defaults(run=check)

    one = commands.add_parser("translations", help="look its translations over", description=translations.__doc__)
    one.add_argument("file", nargs="?", type=Path, default=BUILT_IN)
    one.add_argument("--update", action="store_true", help="add new texts, and mark what is outdated")
    one.add_argument("--list", action="store_true", help="name each text that there is still to do")
    one.set_defaults(run=translations)

    one = commands.add_parser("screen", help="evaluate one participant", description=screen.__doc__)
    one.add_argument("file", help="JSON with answers and dates, or - for standard input")
    one.add_argument("--json", action="store_true", help="print the result of the API")
    one.add_argument("--trial", type=Path, default=BUILT_IN, help="the trial's file (the built-in one)")
    one.set_defaults(run=screen)

    _add_audit(commands.add_parser("audit", help="look the audit trail over"))

    one = commands.add_parser("replay", help="work stored verdicts out again", description=replay_verdicts.__doc__)
    one.add_argument("--all", action="store_true", required=True, help="every stored verdict, quick checks too")
    one.set_defaults(run=replay_verdicts)

    one = commands.add_parser("backup", help="copy the database while it is in use", description=back_up.__doc__)
    one.add_argument("file", type=Path, help="the file to make")
    one.set_defaults(run=back_up)

    one = commands.add_parser("restore", help="bring a backup back, and check it", description=restore.__doc__)
    one.add_argument("file", type=Path, help="a file that `backup` made")
    one.add_argument("--expect", metavar="SEQ:HASH", help="an entry of the audit trail that must be there")
    one.set_defaults(run=restore)
    return made


def _add_audit(made: argparse.ArgumentParser) -> None:
    commands = made.add_subparsers(required=True, metavar="WHAT")
    one = commands.add_parser("verify", help="name the first broken entry", description=verify_audit.__doc__)
    one.add_argument("--expect", metavar="SEQ:HASH", help="an entry that must be there, as `audit head` printed it")
    one.set_defaults(run=verify_audit)
    one = commands.add_parser("head", help="print where it ends", description=audit_head.__doc__)
    one.set_defaults(run=audit_head)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. 0: done; 1: the input or the database is at fault; 2: the call was wrong."""
    options = parser().parse_args(arguments)
    try:
        settings = Settings.from_environment(os.environ)
        logs.configure(settings.log_level, settings.log_format)
        status: int = options.run(options, settings)
        return status
    except InvalidParticipant as error:
        for fact, message in error.complaints:
            print(f"{fact}: {message}", file=sys.stderr)
    except InvalidProtocol as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
    except DBAPIError as error:  # its text may hold more than one line, and values
        print(f"the database refused: {type(error.orig).__name__}", file=sys.stderr)
    except (PrescreenError, OSError) as error:
        print(error, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
