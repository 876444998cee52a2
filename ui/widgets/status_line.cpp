#include "ui/widgets/status_line.h"

#include "ui/theme/theme.h"

#include <QFrame>
#include <QLabel>

namespace ui {

namespace {

constexpr int kMessageMillis = 12'000;

QFrame *separator(QWidget *parent)
{
    auto *line = named(new QFrame(parent), "statusRule");
    line->setProperty("rule", QStringLiteral("v"));
    line->setFixedHeight(14);
    return line;
}

} // namespace

StatusLine::StatusLine(QWidget *parent) : QStatusBar(parent)
{
    setFixedHeight(24);
    setSizeGripEnabled(false);
    setContentsMargins(12, 0, 12, 0);
    m_faults = makeLabel(tr("0 faults on"), "secondary", "faultStatusLabel", this);
    m_recorder = makeLabel(tr("not recording"), "secondary", "recorderStatusLabel", this);
    m_engine = makeLabel(tr("engine: not loaded"), "secondary", "engineStatusLabel", this);
    m_message = makeLabel({}, "warning", "messageStatusLabel", this);
    for (auto *label : {m_faults, m_recorder, m_engine}) {
        addWidget(label);
        addWidget(separator(this));
    }
    addWidget(m_message, 1);
    m_fade.setSingleShot(true);
    m_fade.setInterval(kMessageMillis);
    connect(&m_fade, &QTimer::timeout, this, [this] { m_message->clear(); });
}

void StatusLine::setFaults(int on)
{
    m_faults->setText(on == 1 ? tr("1 fault on") : tr("%1 faults on").arg(on));
    setRole(m_faults, on ? "danger" : "secondary");
}

void StatusLine::setRecorder(const QString &text)
{
    m_recorder->setText(text);
}

void StatusLine::setEngine(const QString &text)
{
    m_engine->setText(text);
}

void StatusLine::say(const QString &text)
{
    m_message->setText(text);
    m_message->setToolTip(text);
    m_fade.start();
}

} // namespace ui
