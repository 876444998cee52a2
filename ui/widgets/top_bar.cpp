#include "ui/widgets/top_bar.h"

#include "ui/theme/theme.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>

namespace ui {

TopBar::TopBar(QWidget *parent) : QWidget(parent)
{
    setFixedHeight(kHeight);
    auto *layout = new QHBoxLayout(this);
    layout->setContentsMargins(12, 0, 12, 0);
    layout->setSpacing(12);
    auto *targetBox = named(new QFrame(this), "targetBox");
    targetBox->setProperty("card", QStringLiteral("inset"));
    auto *targetLayout = new QHBoxLayout(targetBox);
    targetLayout->setContentsMargins(10, 0, 12, 0);
    targetBox->setFixedHeight(32);
    auto *picture = named(new QLabel(targetBox), "targetIconLabel");
    picture->setPixmap(
        iconPixmap(QStringLiteral("cluster"), tokens().textMuted, 16, devicePixelRatioF()));
    m_target = makeLabel(tr("Local shop"), "item", "targetLabel", targetBox);
    targetLayout->addWidget(picture);
    targetLayout->addWidget(m_target);
    layout->addWidget(targetBox);
    m_badge = named(new RunBadge(this), "runBadge");
    m_badge->hide();
    layout->addWidget(m_badge);
    m_recIcon = named(new QLabel(this), "recordIconLabel");
    m_recIcon->setPixmap(
        iconPixmap(QStringLiteral("record"), tokens().danger, 14, devicePixelRatioF()));
    m_rec = makeLabel(tr("REC"), "strong", "recordLabel", this);
    layout->addWidget(m_recIcon);
    layout->addWidget(m_rec);
    layout->addStretch();
    m_commands = named(new QPushButton(tr("Commands   Ctrl+K"), this), "commandsButton");
    m_commands->setProperty("kind", QStringLiteral("bar"));
    m_commands->setIcon(icon(QStringLiteral("search")));
    layout->addWidget(m_commands);
    m_halt = named(new QPushButton(tr("HALT ALL"), this), "haltAllButton");
    m_halt->setProperty("kind", QStringLiteral("halt"));
    m_halt->setIcon(icon(QStringLiteral("halt"), tokens().onDanger));
    m_halt->setToolTip(
        tr("Undo every fault now and start nothing new (Ctrl+Shift+X). Should this "
           "window hang, key and button still work on X11; drillctl halt always does."));
    m_halt->setAccessibleDescription(m_halt->toolTip());
    layout->addWidget(m_halt);
    connect(m_halt, &QPushButton::clicked, this, &TopBar::haltAsked);
    connect(m_commands, &QPushButton::clicked, this, &TopBar::commandsAsked);
    setRecording({}, false);
}

void TopBar::setTarget(const QString &name)
{
    m_target->setText(tr("Local shop: %1").arg(name));
}

bool TopBar::setBadge(RunBadge::Kind kind, const QString &title, const QString &since)
{
    const auto before = m_badge->kind();
    m_badge->show(kind, title, since);
    return before != kind;
}

void TopBar::setRecording(const QString &clock, bool inTrouble)
{
    const bool on = !clock.isEmpty();
    m_rec->setVisible(on);
    m_recIcon->setVisible(on);
    m_rec->setText(inTrouble ? tr("REC in memory  %1").arg(clock) : tr("REC  %1").arg(clock));
    setRole(m_rec, inTrouble ? "danger" : "strong");
}

void TopBar::changeEvent(QEvent *event)
{
    QWidget::changeEvent(event);
    if (event->type() != QEvent::PaletteChange || !m_halt)
        return;
    m_halt->setIcon(icon(QStringLiteral("halt"), tokens().onDanger));
    m_commands->setIcon(icon(QStringLiteral("search")));
}

} // namespace ui
