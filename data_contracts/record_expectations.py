"""Rules of the rules table as Great Expectations expectations of our own.

Two metrics: the table as arrays, made once a batch, and what a rule finds in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.validator.metric_configuration import MetricConfiguration

from data_contracts.record import Finding, Record, record_of
from data_contracts.rules import RULES, Consequence, Rule

SEVERITY = {
    Consequence.REFUSE: FailureSeverity.CRITICAL,
    Consequence.WITHHOLD: FailureSeverity.WARNING,
    Consequence.FLAG: FailureSeverity.INFO,
    Consequence.NOTE: FailureSeverity.INFO,
}


class TableRecord(TableMetricProvider):
    """The batch's table as a ``Record``."""

    metric_name = "table.record"

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(
        cls,  # noqa: N805 (Great Expectations passes the class)
        execution_engine: PandasExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        **_: Any,
    ) -> Record:
        table, _domain, _accessors = execution_engine.get_compute_domain(
            metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE
        )
        return record_of(table)


class RuleFindings(TableMetricProvider):
    """What a rule finds in the batch's record, over all its variables."""

    metric_name = "table.record.findings"
    value_keys = ("rule",)

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(
        cls,  # noqa: N805
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        **_: Any,
    ) -> list[Finding]:
        rule, record = RULES[metric_value_kwargs["rule"]], metrics["table.record"]
        return [finding for name in record.values for finding in rule.find(record, name)]

    @classmethod
    def _get_evaluation_dependencies(
        cls, metric: MetricConfiguration, *_: Any, **__: Any
    ) -> dict[str, MetricConfiguration]:
        return {
            "table.record": MetricConfiguration(
                metric_name="table.record", metric_domain_kwargs=metric.metric_domain_kwargs
            )
        }


class ExpectRecordToFollowRule(BatchExpectation):
    """Expect every variable of every place to follow a rule of the rules table."""

    rule: str

    metric_dependencies: ClassVar[tuple[str, ...]] = ("table.record.findings",)
    success_keys: ClassVar[tuple[str, ...]] = ("rule",)
    args_keys: ClassVar[tuple[str, ...]] = ("rule",)

    def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        findings = metrics["table.record.findings"]
        cells = sum(len(finding.days) for finding in findings)
        result = {"observed_value": cells, "details": {"findings": findings}}
        return {"success": not findings, "result": result}


def rule_suite(rules: Sequence[Rule]) -> list[ExpectRecordToFollowRule]:
    """An expectation for each rule, of the severity of its consequence."""
    return [
        ExpectRecordToFollowRule(rule=rule.name, severity=SEVERITY[rule.consequence])
        for rule in rules
    ]
