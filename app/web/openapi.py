"""What the OpenAPI document says of the endpoints that read their bodies themselves."""

from typing import Any

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
            "open": ["I5"],
            "admission": {"outcome": "pass", "reason": "Age: 54 years (at least 18 years); Country: United States."},
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
    "missing": [{"fact": "weight_kg", "question": "What is the body weight?", "criteria": ["I5"], "cohorts": []}],
    "depends_on": [],
    "review": [],
}
EXAMPLE_PROBLEM: dict[str, Any] = {
    "type": "about:blank",
    "title": "Unprocessable Content",
    "status": 422,
    "detail": "Some of the input cannot be accepted; nothing was evaluated.",
    "errors": [{"fact": "weight_kg", "message": "must be a number from 0.5 to 400 (kg)"}],
}

_DATE = {"type": ["string", "null"], "format": "date", "description": "YYYY-MM-DD"}
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
NEXT_SCHEMA: dict[str, Any] = {
    **BODY_SCHEMA,
    "properties": {
        **BODY_SCHEMA["properties"],
        "order": {"enum": ["section", None]},
        "goal": {"enum": ["verdict", "all_reasons", None]},
    },
}
RESULT_SCHEMA: dict[str, Any] = {"type": "object", "required": list(EXAMPLE_RESULT)}
PROBLEM_SCHEMA: dict[str, Any] = {"type": "object", "required": ["type", "title", "status", "detail", "errors"]}


def _problem(description: str) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": PROBLEM_SCHEMA, "example": EXAMPLE_PROBLEM}}
    return {"description": description, "content": content}


def _body(media_type: str, schema: dict[str, Any], example: object) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema, "example": example}}}}


def _answers(media_type: str, schema: dict[str, Any], example: object) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"description": "The evaluation", "content": {media_type: {"schema": schema, "example": example}}},
        404: _problem("No such trial"),
        408: _problem("The body did not arrive in time"),
        413: _problem("The body is over the limit"),
        415: _problem("The content type is not accepted"),
        422: _problem("Input that cannot be accepted: one error per fault, all at once"),
        503: _problem("The database is not available"),
    }


EXAMPLE_STEP: dict[str, Any] = {
    "step": {
        "section": "qtc",
        "title": "QTc",
        "questions": [
            {
                "fact": "qtcf_ms",
                "text": "What is the average QTcF?",
                "label": "QTcF",
                "why": "A long QT interval excludes.",
                "hint": "",
                "type": "number",
                "unit": "ms",
                "min": 200,
                "max": 800,
                "step": None,
                "options": None,
                "alternative": None,
                "criteria": ["E13"],
            }
        ],
    },
    "progress": {"answered": 9, "at_least": 1, "at_most": 17},
    "evaluation": EXAMPLE_RESULT,
}
STEP_SCHEMA: dict[str, Any] = {"type": "object", "required": ["step", "progress", "evaluation"]}
TRIAL_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["trial", "protocol", "versions", "sections", "questions", "criteria", "cohorts", "readings"],
}

EVALUATE = _body("application/json", BODY_SCHEMA, EXAMPLE_BODY)
EVALUATED = _answers("application/json", RESULT_SCHEMA, EXAMPLE_RESULT)
BATCH = _body("application/x-ndjson", {"type": "string"}, '{"answers": {"age_years": 54}}\n{"answers": {}}\n')
BATCHED = _answers("application/x-ndjson", {"type": "string"}, "")
NEXT = _body("application/json", NEXT_SCHEMA, {**EXAMPLE_BODY, "goal": "verdict"})
NEXTED = _answers("application/json", STEP_SCHEMA, EXAMPLE_STEP)
DESCRIBED: dict[int | str, dict[str, Any]] = {
    200: {"description": "The trial", "content": {"application/json": {"schema": TRIAL_SCHEMA}}},
    404: _problem("No such trial"),
    503: _problem("The database is not available"),
}
