#include "ui/widgets/transport_bar.h"

#include "ui/theme/theme.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QStyle>

#include <algorithm>

namespace ui {

/// Small name-value chips, painted, right-aligned.
class MeasureChips : public QWidget
{
public:
    explicit MeasureChips(QWidget *parent) : QWidget(parent)
    {
        setFixedHeight(24);
        setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    }
    void show(const std::vector<TransportBar::Chip> &chips)
    {
        if (m_chips == chips)
            return;
        m_chips = chips;
        QStringList spoken;
        for (const auto &chip : m_chips)
            spoken << chip.name + QLatin1Char(' ') + chip.value + QLatin1Char(' ') + chip.after;
        setAccessibleName(spoken.join(QStringLiteral(", ")));
        update();
    }

protected:
    void paintEvent(QPaintEvent *) override
    {
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        const QFont small = typeFont(Type::Secondary);
        const QFont strong = typeFont(Type::Body, QFont::DemiBold);
        const QFontMetricsF smallMetrics(small);
        const QFontMetricsF strongMetrics(strong);
        double right = width();
        for (auto chip = m_chips.rbegin(); chip != m_chips.rend(); ++chip) {
            const double name = smallMetrics.horizontalAdvance(chip->name);
            const double value = digitsWidth(strongMetrics, chip->value);
            const double after =
                chip->after.isEmpty() ? 0 : 5 + smallMetrics.horizontalAdvance(chip->after);
            const double chipWidth = 8 + name + 6 + value + after + 8;
            const double left = right - chipWidth;
            if (left < 0)
                return;
            painter.setPen(Qt::NoPen);
            painter.setBrush(tokens().raised);
            painter.drawRoundedRect(QRectF(left, 0.5, chipWidth, 23), 4, 4);
            painter.setFont(small);
            painter.setPen(tokens().textMuted);
            painter.drawText(QPointF(left + 8, 16), chip->name);
            if (!chip->after.isEmpty())
                painter.drawText(QPointF(left + 8 + name + 6 + value + 5, 16), chip->after);
            painter.setFont(strong);
            painter.setPen(tokens().text);
            drawDigits(painter, {left + 8 + name + 6, 16.5}, chip->value, false);
            right = left - 8;
        }
    }

private:
    std::vector<TransportBar::Chip> m_chips;
};

namespace {

constexpr double kSpeeds[] = {0.25, 0.5, 1, 2, 4, 8, 16, 32, 64};

void setKind(QPushButton *button, bool primary)
{
    const QString kind = primary ? QStringLiteral("primary") : QStringLiteral("quiet");
    if (button->property("kind") == kind)
        return;
    button->setProperty("kind", kind);
    button->style()->unpolish(button);
    button->style()->polish(button);
}

QPushButton *iconButton(const char *name, const QString &iconName, const QString &tip,
                        QWidget *parent)
{
    auto *button = named(new QPushButton(parent), name);
    button->setProperty("kind", QStringLiteral("icon"));
    button->setIcon(icon(iconName));
    button->setToolTip(tip);
    button->setAccessibleName(tip);
    return button;
}

} // namespace

TransportBar::TransportBar(QWidget *parent) : QWidget(parent)
{
    auto *layout = new QHBoxLayout(this);
    layout->setContentsMargins(8, 4, 12, 4);
    layout->setSpacing(6);
    m_faultBack = iconButton("faultBackButton", QStringLiteral("fault-back"),
                             tr("Previous fault (Shift+,)"), this);
    m_back =
        iconButton("stepBackButton", QStringLiteral("step-back"), tr("Previous event (,)"), this);
    m_play = iconButton("playButton", QStringLiteral("play"), tr("Play or pause (Space)"), this);
    m_forward =
        iconButton("stepForwardButton", QStringLiteral("step-forward"), tr("Next event (.)"), this);
    m_faultForward = iconButton("faultForwardButton", QStringLiteral("fault-forward"),
                                tr("Next fault (Shift+.)"), this);
    m_speed = named(new QComboBox(this), "speedCombo");
    m_speed->setAccessibleName(tr("Speed"));
    m_speed->setToolTip(tr("Speed: slower (J), faster (L)"));
    for (const double speed : kSpeeds)
        m_speed->addItem(QString::number(speed) + QStringLiteral("×"), speed);
    m_speed->setCurrentIndex(2);
    m_speed->setFixedWidth(72);
    m_loop = named(new QPushButton(this), "loopButton");
    m_loop->setProperty("kind", QStringLiteral("quiet"));
    m_loop->setToolTip(tr("Play a stretch again and again: from here ([), to here (]), no more "
                          "(\\). A click sets A, the next one B, the next one ends it."));
    m_live = named(new QPushButton(tr("LIVE"), this), "liveButton");
    m_live->setToolTip(tr("Back to the newest moment (End)"));
    m_live->hide();
    m_since = makeLabel({}, "strong", "sinceLabel", this);
    m_wall = makeLabel({}, "muted", "wallLabel", this);
    // Of fixed size: a text that changes with every step must not lay out the page anew.
    const QFontMetrics metrics(typeFont(Type::Body, QFont::DemiBold));
    m_since->setFixedSize(metrics.horizontalAdvance(QStringLiteral("+00:00:00.0 ")), 20);
    m_wall->setFixedSize(metrics.horizontalAdvance(QStringLiteral("00:00:00.0 ")), 20);
    m_chips = named(new MeasureChips(this), "measureChips");
    for (auto *widget :
         std::initializer_list<QWidget *>{m_faultBack, m_back, m_play, m_forward, m_faultForward,
                                          m_speed, m_loop, m_live, m_since, m_wall})
        layout->addWidget(widget);
    setLoop(Loop::Off, {});
    layout->addWidget(m_chips, 1);
    connect(m_back, &QPushButton::clicked, this, [this] { Q_EMIT stepAsked(-1); });
    connect(m_forward, &QPushButton::clicked, this, [this] { Q_EMIT stepAsked(1); });
    connect(m_faultBack, &QPushButton::clicked, this, [this] { Q_EMIT faultStepAsked(-1); });
    connect(m_faultForward, &QPushButton::clicked, this, [this] { Q_EMIT faultStepAsked(1); });
    connect(m_loop, &QPushButton::clicked, this, &TransportBar::loopToggled);
    connect(m_play, &QPushButton::clicked, this, &TransportBar::playToggled);
    connect(m_live, &QPushButton::clicked, this, &TransportBar::followAsked);
}

void TransportBar::setPlaying(bool playing)
{
    m_playing = playing;
    m_play->setIcon(icon(playing ? QStringLiteral("pause") : QStringLiteral("play")));
    m_play->setProperty("playing", playing);
}

void TransportBar::setLoop(Loop loop, const QString &span)
{
    const QString text = loop == Loop::Off    ? tr("Loop")
                         : loop == Loop::Open ? tr("Loop %1 to ...").arg(span)
                                              : tr("Loop %1").arg(span);
    if (m_loop->text() == text)
        return;
    m_loop->setText(text);
    setKind(m_loop, loop == Loop::On);
}

void TransportBar::setLive(bool live, bool following)
{
    for (QWidget *widget :
         std::initializer_list<QWidget *>{m_speed, m_loop, m_faultBack, m_faultForward})
        widget->setVisible(!live);
    m_live->setVisible(live);
    setKind(m_live, following);
    m_live->setText(following ? tr("LIVE") : tr("paused, back to LIVE"));
}

void TransportBar::setClock(const QString &since, const QString &wall)
{
    m_since->setText(since);
    m_since->setVisible(!since.isEmpty());
    m_wall->setText(wall);
}

void TransportBar::setChips(const std::vector<Chip> &chips)
{
    m_chips->show(chips);
}

double TransportBar::speed() const
{
    return m_speed->currentData().toDouble();
}

void TransportBar::changeSpeed(int steps)
{
    m_speed->setCurrentIndex(std::clamp(m_speed->currentIndex() + steps, 0, m_speed->count() - 1));
}

} // namespace ui
