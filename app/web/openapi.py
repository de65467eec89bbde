"""What the OpenAPI document says of the endpoints that read their bodies themselves."""

import json
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query

from app.lifecycle import CHANGE_REASONS, REASON_CODES, STATUSES, VERDICTS
from app.web.errors import PROBLEM, problem_json

JSON, NDJSON = "application/json", "application/x-ndjson"
EXAMPLE_BODY: dict[str, Any] = {
    "as_of": "2026-11-22",
    "answers": {
        "country": "US",
        "age_years": 54,
        "sex": "female",
        "diagnosis": "aml",
        "disease_state": "relapsed",
        "qtcf_ms": 482,
        "hiv": None,
    },
}
EXAMPLE_NEXT: dict[str, Any] = {**EXAMPLE_BODY, "goal": "all_reasons"}
EXAMPLE_RESULT: dict[str, Any] = {
    "trial": {
        "nct_id": "NCT05086315",
        "status": "TERMINATED",
        "status_as_of": "2025-12-15",
        "source": "https://clinicaltrials.gov/study/NCT05086315",
    },
    "protocol": {"version": 1, "hash": "9f2c..."},
    "as_of": "2026-11-22",
    "consent_date": "2026-11-22",
    "first_dose_date": "2026-11-22",
    "verdict": "excluded",
    "summary": "Excluded: QTcF (E13).",
    "cohorts": [
        {
            "code": "adult-escalation",
            "title": "Adult escalation",
            "verdict": "excluded",
            "reasons": ["E13"],
            "open": ["I4b", "I5", "E1", "disease"],
            "admission": {
                "outcome": "pass",
                "reason": "Age at consent: 54 years (at least 18 years); Country of the site: United States; "
                "Diagnosis: Acute myeloid leukemia (AML).",
            },
        }
    ],
    "groups": {"disease": "unknown"},
    "criteria": [
        {
            "code": "E13",
            "kind": "exclusion",
            "title": "QTcF",
            "outcome": "fail",
            "reason": "QTcF: 482 ms (above 470 ms).",
            "facts": {"qtcf_ms": 482},
            "readings": [],
            "can_change": "repeat",
            "passes_from": None,
        }
    ],
    "missing": [
        {"fact": "weight_kg", "question": "How much does the participant weigh?", "criteria": ["I5"], "cohorts": []}
    ],
    "depends_on": ["X7"],
    "review": [],
    "queries": [],
}
_DATE = {"type": ["string", "null"], "format": "date", "pattern": "^(19|20|21)[0-9]{2}-"}
BODY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["answers"],
    "additionalProperties": False,
    "properties": {
        "answers": {
            "type": "object",
            "description": "A value per fact (the trial's description lists them); null is asked and not known",
        },
        "as_of": {**_DATE, "description": "the day of the evaluation; today by default"},
        "consent_date": {**_DATE, "description": "as_of by default"},
        "first_dose_date": {**_DATE, "description": "the later of as_of and consent_date by default"},
        "readings": {
            "type": ["object", "null"],
            "additionalProperties": {"type": "boolean"},
            "description": "readings set for this evaluation alone",
        },
    },
}
EVALUATE_SCHEMA: dict[str, Any] = {
    **BODY_SCHEMA,
    "properties": {
        **BODY_SCHEMA["properties"],
        "explain": {"type": ["boolean", "null"], "description": "true: say in changes what would change the verdict"},
    },
}
NEXT_SCHEMA: dict[str, Any] = {
    **BODY_SCHEMA,
    "properties": {
        **BODY_SCHEMA["properties"],
        "order": {
            "enum": ["section", "quickest", None],
            "description": "section (as null does): all questions of one section that are due, sections in the "
            "protocol's order; quickest: one question a step, the one most worth asking",
        },
        "goal": {"enum": ["verdict", "all_reasons", None], "description": "what the questions are asked for"},
    },
}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    """An object that has these properties, and perhaps more in later versions."""
    return {"type": "object", "required": list(properties), "properties": properties}


def _one_of(*values: str | None) -> dict[str, Any]:
    return {"enum": list(values)}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": ["number", "null"]}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_CODES = _list(_TEXT)
_DAY = {"type": "string", "format": "date"}
_VERDICT = _one_of("likely_eligible", "excluded", "undetermined")
_OUTCOME = _one_of("pass", "fail", "unknown", "not_applicable")
_CAN_CHANGE = _one_of("fixed", "repeat", "time", None)
_PROTOCOL = _object(version=_COUNT, hash=_TEXT)

_PASSES = {"type": ["string", "null"], "format": "date"}
_CHANGE: dict[str, Any] = {
    "fact": _TEXT,
    "kind": _one_of("missing", "repeat", "time", "age", "fixed", "reading"),
    "words": _TEXT,
    "example": {"type": "object"},
}
CHANGES_SCHEMA = _object(
    reasons=_list(_object(code=_TEXT, title=_TEXT, can_change=_CAN_CHANGE, passes_from=_PASSES, sentence=_TEXT)),
    passes_from=_PASSES,
    time={"type": ["string", "null"]},
    cohorts={"type": "object", "additionalProperties": _DAY},
    sets=_list(
        _object(
            verdict=_one_of("likely_eligible", "not_excluded", "excluded"),
            cohorts=_CODES,
            sentence=_TEXT,
            changes=_list(_object(**_CHANGE)),
        )
    ),
    risks=_list(_object(**_CHANGE, near={"type": "boolean"}, sentence=_TEXT)),
    holds_until=_PASSES,
)

RESULT_SCHEMA = _object(
    trial=_object(nct_id=_TEXT, status=_TEXT, status_as_of=_DAY, source=_TEXT),
    protocol=_PROTOCOL,
    as_of=_DAY,
    consent_date=_DAY,
    first_dose_date=_DAY,
    verdict=_VERDICT,
    summary=_TEXT,
    cohorts=_list(
        _object(
            code=_TEXT,
            title=_TEXT,
            verdict=_VERDICT,
            reasons=_CODES,
            open=_CODES,
            admission=_object(outcome=_OUTCOME, reason=_TEXT),
        )
    ),
    groups={"type": "object", "additionalProperties": _OUTCOME},
    criteria=_list(
        _object(
            code=_TEXT,
            kind=_one_of("inclusion", "exclusion", "review"),
            title=_TEXT,
            outcome=_OUTCOME,
            reason=_TEXT,
            facts={"type": "object"},
            readings=_CODES,
            can_change=_CAN_CHANGE,
            passes_from={"type": ["string", "null"], "format": "date"},
        )
    ),
    missing=_list(_object(fact=_TEXT, question=_TEXT, criteria=_CODES, cohorts=_CODES)),
    depends_on=_CODES,
    review=_CODES,
    queries=_list(_object(code=_TEXT, message=_TEXT, facts={"type": "object"})),
)
RESULT_SCHEMA["properties"]["exact"] = {
    **_object(verdict=_VERDICT, note={"type": ["string", "null"]}),
    "description": "only where explain is true, and in each step of an interview",
}
RESULT_SCHEMA["properties"]["changes"] = {**CHANGES_SCHEMA, "description": "only where explain is true"}
PROBLEM_SCHEMA = _object(
    type=_TEXT, title=_TEXT, status=_COUNT, detail=_TEXT, errors=_list(_object(fact=_TEXT, message=_TEXT))
)
_QUESTION = _object(
    fact=_TEXT,
    text=_TEXT,
    label=_TEXT,
    why=_TEXT,
    hint=_TEXT,
    type=_one_of("yes_no", "choice", "many", "integer", "number", "date"),
    unit={"type": ["string", "null"]},
    min=_NUMBER,
    max=_NUMBER,
    step=_NUMBER,
    options={"type": ["array", "null"], "items": _object(value=_TEXT, label=_TEXT, hint=_TEXT)},
    alternative={"type": ["string", "null"]},
    criteria=_CODES,
)
STEP_SCHEMA = _object(
    step={**_object(section=_TEXT, title=_TEXT, questions=_list(_QUESTION)), "type": ["object", "null"]},
    progress=_object(answered=_COUNT, at_least=_COUNT, at_most=_COUNT),
    evaluation=RESULT_SCHEMA,
)
EXAMPLE_QUESTION: dict[str, Any] = {
    "fact": "weight_kg",
    "text": "How much does the participant weigh?",
    "label": "Body weight",
    "why": "The trial asks for a body weight of 10 kg or more.",
    "hint": "In kilograms, as last measured.",
    "type": "number",
    "unit": "kg",
    "min": 0.5,
    "max": 400,
    "step": None,
    "options": None,
    "alternative": None,
    "criteria": ["I5"],
}
EXAMPLE_STEP: dict[str, Any] = {
    "step": {"section": "participant", "title": "The participant", "questions": [EXAMPLE_QUESTION]},
    "progress": {"answered": 7, "at_least": 1, "at_most": 25},
    "evaluation": EXAMPLE_RESULT,
}
_LISTED = ("sections", "questions", "terms", "readings", "groups", "criteria", "cohorts", "edit_checks")
TRIAL_SCHEMA = _object(
    nct_id=_TEXT,
    trial={"type": "object"},
    protocol=_PROTOCOL,
    versions=_list(_object(version=_COUNT, hash=_TEXT, status=_TEXT, published_at=_TEXT)),
    **{name: _list({"type": "object"}) for name in _LISTED},
)
EXAMPLE_TRIAL: dict[str, Any] = {
    "nct_id": "NCT05086315",
    "trial": EXAMPLE_RESULT["trial"],
    "protocol": EXAMPLE_RESULT["protocol"],
    "versions": [{"version": 1, "hash": "9f2c...", "status": "published", "published_at": "2026-11-22T12:00:00+00:00"}],
    "sections": [{"key": "participant", "title": "The participant"}],
    "questions": [
        {
            **EXAMPLE_QUESTION,
            "section": "participant",
            "can_change": "repeat",
            "asking": {
                "decides": 0.044,
                "burden": 1,
                "source": "decides: share of a synthetic population; burden: judgement",
                "likely": [],
            },
            "calculator": None,
        }
    ],
    "terms": [],
    "readings": [],
    "groups": [],
    "criteria": [],
    "cohorts": [],
    "edit_checks": [],
}
EXAMPLE_HEALTH: dict[str, Any] = {"status": "ok"}
EXAMPLE_READY: dict[str, Any] = {"status": "ready", "protocol": EXAMPLE_RESULT["protocol"]}

NctId = Annotated[str, Path(description="The trial's registry number", examples=["NCT05086315"])]
Responses = dict[int | str, dict[str, Any]]


def problem(status: int, description: str, *faults: tuple[str, str]) -> dict[str, Any]:
    """A documented problem, with an example."""
    example = json.loads(problem_json(status, f"{description}.", faults))
    return {"description": description, "content": {PROBLEM: {"schema": PROBLEM_SCHEMA, "example": example}}}


def answer(description: str, example: object, schema: dict[str, Any], media_type: str = JSON) -> Responses:
    """A documented 200."""
    return {200: {"description": description, "content": {media_type: {"schema": schema, "example": example}}}}


def _body(media_type: str, schema: dict[str, Any], example: object) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema, "example": example}}}}


READING: Responses = {
    404: problem(404, "There is no such trial"),
    503: problem(503, "The database is not available"),
    "default": problem(500, "Any other fault has this form as well"),
}
POSTING: Responses = {
    **READING,
    408: problem(408, "The body did not arrive in time"),
    413: problem(413, "The body is over the limit"),
    415: problem(415, "The content type is not accepted"),
    422: problem(
        422,
        "The input cannot be accepted: one error per fault, all at once",
        ("weight_kg", "must be a number from 0.5 to 400 (kg)"),
    ),
}
EVALUATE = _body(JSON, EVALUATE_SCHEMA, EXAMPLE_BODY)
EVALUATED = answer("The evaluation", EXAMPLE_RESULT, RESULT_SCHEMA) | POSTING
BATCH = _body(NDJSON, _TEXT, '{"answers": {"age_years": 54}}\n{"answers": {"age_years": -1}}\n')
BATCHED = answer(
    "A result or a problem per line",
    f"{json.dumps(EXAMPLE_RESULT)}\n{json.dumps(POSTING[422]['content'][PROBLEM]['example'])}\n",
    _TEXT,
    NDJSON,
)
BATCHED |= POSTING
NEXT = _body(JSON, NEXT_SCHEMA, EXAMPLE_NEXT)
NEXTED = answer("The next step; null where the interview is over", EXAMPLE_STEP, STEP_SCHEMA) | POSTING
DESCRIBED = answer("The trial", EXAMPLE_TRIAL, TRIAL_SCHEMA) | READING
HEALTHY = answer("The process answers", EXAMPLE_HEALTH, _object(status=_TEXT))
READY = answer("Ready", EXAMPLE_READY, _object(status=_TEXT, protocol=_PROTOCOL))
READY |= {503: problem(503, "The database or the protocol is missing")}


# THE SCREENINGS OF A SITE

EXAMPLE_REFERENCE = "k3v9x2m7q4ta"
EXAMPLE_NEW: dict[str, Any] = {
    "subject_code": "US01-0042",
    "as_of": "2026-11-22",
    "answers": {"age_years": 54, "qtcf_ms": 482, "hiv": None},
    "source": "ehr",
}
EXAMPLE_SCREENING: dict[str, Any] = {
    "reference": EXAMPLE_REFERENCE,
    "subject_code": "US01-0042",
    "site": "8400001",
    "status": "excluded",
    "status_reason": None,
    "verdict": "excluded",
    "look_again_on": None,
    "protocol": {"version": 1, "hash": "9f2c...", "newer": False},
    "dates": {"as_of": "2026-11-22", "consent_date": None, "first_dose_date": None},
    "answers": {
        "age_years": {"value": 54, "source": "ehr", "at": "2026-11-22T12:00:00+00:00", "actor": "key 1"},
        "hiv": {"value": None, "source": "ehr", "at": "2026-11-22T12:00:00+00:00", "actor": "key 1"},
        "qtcf_ms": {"value": 482, "source": "ehr", "at": "2026-11-22T12:00:00+00:00", "actor": "key 1"},
    },
    "signed": None,
    "version": 2,
    "created_at": "2026-11-22T12:00:00+00:00",
    "updated_at": "2026-11-22T12:00:00+00:00",
    "evaluation": EXAMPLE_RESULT,
}
EXAMPLE_CHANGE: dict[str, Any] = {
    "answers": {"qtcf_ms": 438},
    "dates": {"consent_date": "2026-11-22"},
    "reason": "new_result",
}
EXAMPLE_MOVE: dict[str, Any] = {"status": "declined", "reason": "distance"}
EXAMPLE_LISTED: dict[str, Any] = {
    "reference": EXAMPLE_REFERENCE,
    "subject_code": "US01-0042",
    "site": "8400001",
    "status": "excluded",
    "status_reason": None,
    "verdict": "excluded",
    "look_again_on": None,
    "protocol_version": 1,
    "version": 2,
    "created_at": "2026-11-22T12:00:00+00:00",
    "updated_at": "2026-11-22T12:00:00+00:00",
}
EXAMPLE_LIST: dict[str, Any] = {"screenings": [EXAMPLE_LISTED], "next": None}

Reference = Annotated[str, Path(description="The screening's reference", examples=[EXAMPLE_REFERENCE])]
MOMENT_QUERY = Query(
    description="changed at this moment or later; overlap by a minute, so that what was being saved is not missed",
    examples=["2026-11-27T08:00:00Z"],
    json_schema_extra={"format": "date-time"},
)


def one_of_query(description: str, values: tuple[str, ...]) -> Any:
    """A parameter that takes one of these."""
    return Query(description=description, examples=[values[0]], json_schema_extra={"enum": list(values)})


_OR_NULL: dict[str, Any] = {"type": ["string", "null"]}
_MOMENT: dict[str, Any] = {"type": "string", "format": "date-time"}
_DAY_OR_NULL: dict[str, Any] = {"type": ["string", "null"], "format": "date"}
_STANDING: dict[str, Any] = {
    "reference": _TEXT,
    "subject_code": _TEXT,
    "site": _TEXT,
    "status": _one_of(*STATUSES),
    "status_reason": _one_of(*REASON_CODES, None),
    "verdict": _one_of(*VERDICTS, None),
    "look_again_on": _DAY_OR_NULL,
    "version": _COUNT,
    "created_at": _MOMENT,
    "updated_at": _MOMENT,
}
SCREENING_SCHEMA = _object(
    **_STANDING,
    protocol=_object(version=_COUNT, hash=_TEXT, newer={"type": "boolean"}),
    dates=_object(as_of=_DAY, consent_date=_DAY_OR_NULL, first_dose_date=_DAY_OR_NULL),
    answers={
        "type": "object",
        "additionalProperties": _object(value={}, source=_one_of("typed", "ehr", "imported"), at=_MOMENT, actor=_TEXT),
    },
    signed={
        **_object(meaning=_one_of("confirmed", "overridden"), verdict=_VERDICT, name=_TEXT, at=_MOMENT),
        "type": ["object", "null"],
        "description": "a physician's signature under the verdict; a later change voids it",
    },
    evaluation={**RESULT_SCHEMA, "type": ["object", "null"], "description": "null until something is answered"},
)
LIST_SCHEMA = _object(screenings=_list(_object(**_STANDING, protocol_version=_COUNT)), next=_OR_NULL)
_SOURCE: dict[str, Any] = {"enum": ["ehr", "imported"], "description": "where the answers come from; ehr by default"}
_GIVEN = BODY_SCHEMA["properties"]["answers"]
NEW_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["subject_code"],
    "additionalProperties": False,
    "properties": {
        "subject_code": {
            **_TEXT,
            "description": "the site's code for the subject, such as DE01-0042: letters and digits in up to four "
            "groups, at least one digit, never a name, a number of a record or a phone, or an address",
        },
        **{name: BODY_SCHEMA["properties"][name] for name in ("as_of", "consent_date", "first_dose_date")},
        "answers": _GIVEN,
        "source": _SOURCE,
    },
}
CHANGE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "answers": _GIVEN,
        "dates": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"as_of": {**_DATE, "type": "string"}, "consent_date": _DATE, "first_dose_date": _DATE},
        },
        "reason": {
            "enum": [*CHANGE_REASONS, None],
            "description": "needed where an answer that stood already becomes another one",
        },
        "source": _SOURCE,
    },
}
MOVE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["status"],
    "additionalProperties": False,
    "properties": {"status": {"enum": list(STATUSES)}, "reason": {"enum": [*REASON_CODES, None]}},
}
_ETAG: dict[str, Any] = {
    "description": "the version of the screening; send it back as If-Match",
    "schema": _TEXT,
    "example": '"2.1"',
}
_AGAIN: dict[str, Any] = {
    "description": "true: the same request was done before, and this is the answer that it was given",
    "schema": _TEXT,
}
_STALE_EXAMPLE: dict[str, Any] = {
    "current": {
        "version": 3,
        "answers": {"qtcf_ms": 455},
        "dates": {"as_of": "2026-11-22", "consent_date": None, "first_dose_date": None},
    },
    "sent": {"answers": {"qtcf_ms": 438}, "dates": {"consent_date": "2026-11-22"}},
}


def _header(name: str, description: str, example: str, required: bool) -> dict[str, Any]:
    return {
        "in": "header",
        "name": name,
        "required": required,
        "description": description,
        "schema": _TEXT,
        "example": example,
    }


_ONCE = _header(
    "Idempotency-Key",
    "a key of your own, 16 to 128 visible characters: the same request sent again under it is done once",
    "8e03978e-40d5-43dd-bc93-6894a57f9324",
    required=False,
)
_MATCH = _header("If-Match", "the ETag of the screening as it was read, or *", '"2.1"', required=True)


def _keyed(scope: str, *headers: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What an operation says that needs a key with this scope."""
    return {"security": [{"key": [scope]}], **({"parameters": list(headers)} if headers else {}), **more}


def _stale() -> dict[str, Any]:
    plain = problem(412, "The screening was changed since: what stands, and what was sent")
    content = plain["content"][PROBLEM]
    content["example"] |= _STALE_EXAMPLE
    return plain


KEYED: Responses = {
    401: problem(401, "There is no such key, or it has expired or was revoked"),
    403: problem(403, "The key has not this scope"),
    404: problem(404, "This site has no such screening"),
    422: problem(422, "The parameters cannot be accepted", ("status", "must be one of pre_screening, consented")),
    429: problem(429, "Asked too often; Retry-After says when to come back"),
    503: problem(503, "The database is not available"),
    "default": problem(500, "Any other fault has this form as well"),
}
WRITING: Responses = {
    **KEYED,
    408: POSTING[408],
    409: problem(409, "Changed at the same time, or the site has this subject code", ("subject_code", "is taken")),
    413: POSTING[413],
    415: POSTING[415],
    422: POSTING[422],
}
GUARDED: Responses = {
    **WRITING,
    412: _stale(),
    428: problem(428, "If-Match is missing"),
}


def _screening(status: int, description: str, headers: dict[str, Any]) -> Responses:
    content = {JSON: {"schema": SCREENING_SCHEMA, "example": EXAMPLE_SCREENING}}
    return {status: {"description": description, "content": content, "headers": {"ETag": _ETAG, **headers}}}


_LOCATION: dict[str, Any] = {"Location": {"description": "where the screening is", "schema": _TEXT}}
_REPLAYED: dict[str, Any] = {"Idempotency-Replayed": _AGAIN}
READS = _keyed("screening:read")
LISTED = answer("A page of screenings", EXAMPLE_LIST, LIST_SCHEMA) | KEYED
SHOWN = _screening(200, "The screening", {}) | {304: {"description": "It is as If-None-Match says"}} | KEYED
NEXT_SHOWN = answer("The next step; null where nothing is left to ask", EXAMPLE_STEP, STEP_SCHEMA) | KEYED
CREATE = _keyed("screening:write", _ONCE, **_body(JSON, NEW_SCHEMA, EXAMPLE_NEW))
CREATED = _screening(201, "The screening that was begun", _LOCATION | _REPLAYED) | WRITING
CHANGE = _keyed("screening:write", _MATCH, _ONCE, **_body(JSON, CHANGE_SCHEMA, EXAMPLE_CHANGE))
CHANGED = _screening(200, "The screening with the answers", _REPLAYED) | GUARDED
MOVE = _keyed("screening:write", _MATCH, _ONCE, **_body(JSON, MOVE_SCHEMA, EXAMPLE_MOVE))
MOVED = _screening(200, "The screening in its new state", _REPLAYED) | GUARDED
CONFIRM = _keyed("screening:write")
CONFIRMED = KEYED | {403: problem(403, "A physician confirms a verdict, in the browser; no key can do that")}
SECURITY: dict[str, Any] = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key of one site, with the scopes screening:read and screening:write. An administrator makes, "
        "exchanges and revokes keys.",
    }
}


class Documented(FastAPI):
    """FastAPI, with nulls in the examples of its document: it leaves out every null that it finds."""

    def openapi(self) -> dict[str, Any]:
        """The document."""
        plain = super().openapi()
        plain["components"] = {"securitySchemes": SECURITY}
        for operation in (operation for path in plain["paths"].values() for operation in path.values()):
            for part in [operation.get("requestBody", {}), *operation["responses"].values()]:
                for content in part.get("content", {}).values():
                    content["example"] = _WITH_NULLS.get(json.dumps(content["example"]), content["example"])
        return plain


def _without_nulls(plain: Any) -> Any:
    if isinstance(plain, dict):
        return {key: _without_nulls(value) for key, value in plain.items() if value is not None}
    return [_without_nulls(item) for item in plain] if isinstance(plain, list) else plain


_WITH_NULLS: dict[str, Any] = {
    json.dumps(_without_nulls(example)): example
    for example in (
        EXAMPLE_BODY,
        EXAMPLE_NEXT,
        EXAMPLE_RESULT,
        EXAMPLE_STEP,
        EXAMPLE_TRIAL,
        EXAMPLE_NEW,
        EXAMPLE_SCREENING,
        EXAMPLE_LIST,
        GUARDED[412]["content"][PROBLEM]["example"],
    )
}
