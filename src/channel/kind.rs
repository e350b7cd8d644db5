//! Ready mappings of monitoring systems: what their deliveries call subject, severity, identity and end. `[hook.map]` overrides each field.

use super::mapping::{Mapping, Origin};
use crate::words::Priority;
use crate::words::Priority::{P1, P2, P3, P4};

/// What a hook's `kind` stands for.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The word in the config.
    pub name: &'static str,
    /// Fields of `[hook.map]`.
    fields: &'static [(&'static str, &'static str)],
    priorities: &'static [(&'static str, Priority)],
    resolved_is: &'static [&'static str],
    /// The list of alerts in one delivery (RFC 6901).
    each: Option<&'static str>,
}

/// The label of an alert, its words and where to look at it. Alertmanager's webhook, version 4, and what Grafana makes of it:
/// <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>. Version 3 has no fingerprint: there the labels are the identity.
const ALERTS: &[(&str, &str)] = &[
    (
        "subject",
        "{% set a = alerts[0] %}{% set what = a.annotations.summary or a.labels.alertname %}{{ what }}\
         {% if a.labels.instance and a.labels.instance not in what|string %} ({{ a.labels.instance }}){% endif %}",
    ),
    (
        "text",
        "{% set a = alerts[0] %}{{ a.annotations.description or a.annotations.message or a.annotations.summary or a.labels.alertname }}\n\n\
         {% for name, value in a.labels|dictsort %}{{ name }}: {{ value }}\n{% endfor %}\
         {% if a.startsAt %}\nsince {{ a.startsAt }}{% endif %}\
         {% if a.annotations.runbook_url %}\n{{ a.annotations.runbook_url }}{% endif %}\
         {% if a.generatorURL %}\n{{ a.generatorURL }}{% endif %}",
    ),
    ("client", "{{ alerts[0].labels.client or alerts[0].labels.customer }}"),
    ("priority", "{{ alerts[0].labels.severity or alerts[0].labels.priority }}"),
    (
        "thread",
        "{% set a = alerts[0] %}{% if a.fingerprint %}{{ a.fingerprint }}{% else %}\
         {% for name, value in a.labels|dictsort %}{{ name }}={{ value }};{% endfor %}{% endif %}",
    ),
    ("resolved", "{{ alerts[0].status or status }}"),
];

/// Grafana's unified alerting speaks like Alertmanager; its alerting before version 9 had one alert a delivery.
const GRAFANA: &[(&str, &str)] = &[
    (
        "subject",
        "{% if alerts %}{% set a = alerts[0] %}{% set what = a.annotations.summary or a.labels.alertname %}{{ what }}\
         {% if a.labels.instance and a.labels.instance not in what|string %} ({{ a.labels.instance }}){% endif %}\
         {% else %}{{ title or ruleName }}{% endif %}",
    ),
    (
        "text",
        "{% if alerts %}{% set a = alerts[0] %}{{ a.annotations.description or a.annotations.summary or a.labels.alertname }}\n\n\
         {% for name, value in a.labels|dictsort %}{{ name }}: {{ value }}\n{% endfor %}\
         {% if a.valueString %}\n{{ a.valueString }}{% endif %}\
         {% if a.dashboardURL %}\n{{ a.dashboardURL }}{% endif %}{% if a.panelURL %}\n{{ a.panelURL }}{% endif %}\
         {% else %}{{ message or ruleName }}\n{% for found in evalMatches %}\n{{ found.metric }}: {{ found.value }}{% endfor %}\
         {% if ruleUrl %}\n{{ ruleUrl }}{% endif %}{% endif %}",
    ),
    (
        "client",
        "{% if alerts %}{{ alerts[0].labels.client or alerts[0].labels.customer }}{% else %}{{ tags.client or tags.customer }}{% endif %}",
    ),
    (
        "priority",
        "{% if alerts %}{{ alerts[0].labels.severity or alerts[0].labels.priority }}{% else %}{{ tags.severity }}{% endif %}",
    ),
    ("thread", "{% if alerts %}{{ alerts[0].fingerprint }}{% elif ruleId %}rule/{{ ruleId }}{% endif %}"),
    ("resolved", "{% if alerts %}{{ alerts[0].status or status }}{% else %}{{ state }}{% endif %}"),
];

/// Words that most of these systems use.
const SEVERITIES: &[(&str, Priority)] = &[
    ("critical", P1),
    ("crit", P1),
    ("disaster", P1),
    ("emergency", P1),
    ("page", P1),
    ("down", P1),
    ("high", P2),
    ("major", P2),
    ("error", P2),
    ("unreachable", P2),
    ("average", P3),
    ("moderate", P3),
    ("warning", P3),
    ("warn", P3),
    ("medium", P3),
    ("unknown", P3),
    ("minor", P4),
    ("low", P4),
    ("info", P4),
    ("information", P4),
    ("informational", P4),
    ("none", P4),
];

pub const KINDS: &[Kind] = &[
    Kind {
        name: "alertmanager",
        fields: ALERTS,
        priorities: SEVERITIES,
        resolved_is: &["resolved"],
        each: Some("/alerts"),
    },
    Kind {
        name: "grafana",
        fields: GRAFANA,
        priorities: SEVERITIES,
        resolved_is: &["resolved", "ok"],
        each: Some("/alerts"),
    },
    // {heartbeat, monitor, msg}; the test button sends the message alone. Its words decide on the priority, as in a mail.
    Kind {
        name: "uptime-kuma",
        fields: &[
            (
                "subject",
                "{% if monitor %}{{ monitor.pathName or monitor.name }} is {{ \"up\" if heartbeat.status == 1 else \"down\" }}{% else %}{{ msg }}{% endif %}",
            ),
            (
                "text",
                "{{ msg }}{% if monitor.description %}\n\n{{ monitor.description }}{% endif %}\
                 {% if monitor.url %}\n\n{{ monitor.url }}{% elif monitor.hostname %}\n\n{{ monitor.hostname }}{% endif %}",
            ),
            (
                "client",
                "{% for tag in monitor.tags %}{% if tag.name in [\"client\", \"customer\"] %}{{ tag.value }}{% endif %}{% endfor %}",
            ),
            (
                "priority",
                "{% for tag in monitor.tags %}{% if tag.name in [\"priority\", \"severity\"] %}{{ tag.value }}{% endif %}{% endfor %}{% if not monitor %}P4{% endif %}",
            ),
            ("thread", "{% if monitor %}monitor/{{ monitor.id }}{% endif %}"),
            ("resolved", "{% if heartbeat.status == 1 %}up{% endif %}"),
        ],
        priorities: SEVERITIES,
        resolved_is: &["up"],
        each: None,
    },
    // A media type of the kind webhook with the parameters that docs/channels.md gives; an event value of 0 is the recovery.
    Kind {
        name: "zabbix",
        fields: &[
            ("subject", "{{ host }}: {{ subject }}"),
            ("text", "{{ message }}\n\nhost: {{ host }}\nseverity: {{ severity }}\nevent: {{ event_id }}"),
            ("client", "{{ client }}"),
            ("priority", "{{ severity }}"),
            ("thread", "{{ host }}/{{ trigger_id or event_id }}"),
            ("resolved", "{% if event_value|string == \"0\" %}resolved{% endif %}"),
        ],
        priorities: SEVERITIES,
        resolved_is: &["resolved"],
        each: None,
    },
    // "Execute HTTP Action" with the fields that docs/channels.md gives; stars are PRTG's own priorities, of what is down.
    Kind {
        name: "prtg",
        fields: &[
            ("subject", "{{ device }}: {{ sensor }} {{ status }}"),
            (
                "text",
                "{{ lastmessage }}\n\ngroup: {{ group }}\nprobe: {{ probe }}\nsince: {{ since }}\n{{ linkdevice }}",
            ),
            ("client", "{{ client }}"),
            ("priority", "{% if status|lower is startingwith(\"down\") %}{{ priority }}{% else %}warning{% endif %}"),
            ("thread", "sensor/{{ sensorid }}"),
            (
                "resolved",
                "{% set now = status|lower %}{% if now is startingwith(\"up\") or \"now: up\" in now or now is startingwith(\"down ended\") %}up{% endif %}",
            ),
        ],
        priorities: &[("*****", P1), ("****", P2), ("***", P3), ("**", P4), ("*", P4), ("warning", P3)],
        resolved_is: &["up"],
        each: None,
    },
    // Nagios, Icinga and their kin: a notification command that posts the macros that docs/channels.md gives.
    Kind {
        name: "nagios",
        fields: &[
            ("subject", "{{ host }}{% if service %}/{{ service }}{% endif %} is {{ state }}"),
            (
                "text",
                "{{ output }}{% if long_output %}\n{{ long_output }}{% endif %}\n\nhost: {{ host }}{% if address %} ({{ address }}){% endif %}\nkind: {{ type }}",
            ),
            ("client", "{{ client }}"),
            ("priority", "{% if service and state|lower == \"critical\" %}high{% else %}{{ state }}{% endif %}"),
            ("thread", "{{ host }}/{{ service }}"),
            ("resolved", "{% if type|upper == \"RECOVERY\" or state|upper in [\"OK\", \"UP\"] %}recovery{% endif %}"),
            // Nagios: $NOTIFICATIONTYPE$; Icinga 2 writes the downtimes without an underscore too.
            ("remark", "{% if type and type|upper not in [\"PROBLEM\", \"RECOVERY\"] %}{{ type }}{% endif %}"),
        ],
        priorities: SEVERITIES,
        resolved_is: &["recovery"],
        each: None,
    },
    // Its webhook has two templates of variables, for an alert and for its end; docs/channels.md has those that these fields are of.
    // <https://rmm.datto.com/help/en/Content/3NEWUI/Monitors/Webhooks.htm>
    Kind {
        name: "datto-rmm",
        fields: &[
            ("subject", "{{ device_hostname }}: {{ alert_message_en }}"),
            (
                "text",
                "{{ alert_message_en }}\n\nmonitor: {{ alert_type }}\ndevice: {{ device_hostname }} ({{ device_ip }}, {{ device_os }})\nsite: {{ site_name }}\nlast user: {{ last_user }}\nsince: {{ alert_triggered }}",
            ),
            ("client", "/site_name"),
            ("priority", "/alert_priority"),
            ("thread", "/alert_uid"),
            ("resolved", "/alert_state"),
        ],
        priorities: SEVERITIES,
        resolved_is: &["resolved"],
        each: None,
    },
    // The activities of conditions; the same series goes from TRIGGERED to RESET.
    Kind {
        name: "ninjaone",
        fields: &[
            ("subject", "{{ sourceName or subject }}{% if deviceName %} ({{ deviceName }}){% endif %}"),
            ("text", "{{ message }}\n\ndevice: {{ deviceName or deviceId }}\nseverity: {{ severity }}"),
            ("client", "{{ organizationName }}"),
            ("priority", "{{ severity }}"),
            ("thread", "{{ seriesUid }}"),
            ("resolved", "{{ statusCode }}"),
        ],
        priorities: SEVERITIES,
        resolved_is: &["reset"],
        each: None,
    },
];

/// The words of most of these systems.
pub fn severities() -> impl Iterator<Item = (String, Priority)> {
    SEVERITIES.iter().map(|(word, priority)| ((*word).to_owned(), *priority))
}

impl Kind {
    /// The whole mapping, to be overridden field by field. `Err` names the field whose template does not compile.
    pub fn mapping(&self) -> Result<Mapping, String> {
        let mut mapping = Mapping { each: self.each.map(str::to_owned), ..Mapping::default() };
        for (field, origin) in self.fields {
            let read = Origin::read(origin).map_err(|why| format!("{}.{field}: {why}", self.name))?;
            mapping.fields.insert(field, read);
        }
        mapping.priorities = self.priorities.iter().map(|(word, priority)| ((*word).to_owned(), *priority)).collect();
        mapping.resolved_is = self.resolved_is.iter().map(|word| (*word).to_owned()).collect();
        Ok(mapping)
    }
}
