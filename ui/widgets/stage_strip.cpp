#include "ui/widgets/stage_strip.h"

#include "ui/theme/theme.h"

#include <QPainter>

namespace ui {

namespace {

constexpr int kHeight = 56, kGap = 20;

struct Look
{
    const char *icon;
    QString name, what;
};

} // namespace

StageStrip::StageStrip(QWidget *parent) : QWidget(parent)
{
    setFixedHeight(kHeight);
}

void StageStrip::show(const std::array<int, StageCount> &counts)
{
    if (counts == m_counts)
        return;
    m_counts = counts;
    setAccessibleDescription(tr("%1 in training, %2 held at the gate, %3 signed, %4 canary, "
                                "%5 serving, %6 retired")
                                 .arg(counts[Trained])
                                 .arg(counts[Evaluated])
                                 .arg(counts[Signed])
                                 .arg(counts[Canary])
                                 .arg(counts[Serving])
                                 .arg(counts[Retired]));
    update();
}

QSize StageStrip::sizeHint() const
{
    return {720, kHeight};
}

void StageStrip::paintEvent(QPaintEvent *)
{
    const Look looks[StageCount] = {{"training", tr("trained"), tr("weights and lineage")},
                                    {"search", tr("evaluated"), tr("the gate decides")},
                                    {"models", tr("signed"), tr("key of this workstation")},
                                    {"live", tr("canary"), tr("a quarter of the shoppers")},
                                    {"check", tr("serving"), tr("every replica")},
                                    {"rollback", tr("retired"), tr("kept for roll back")}};
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const auto &t = tokens();
    const double width = (this->width() - kGap * (StageCount - 1)) / double{StageCount};
    for (int i = 0; i < StageCount; ++i) {
        const auto &look = looks[i];
        const QRectF box(i * (width + kGap) + 0.5, 0.5, width - 1, kHeight - 1);
        const int count = m_counts[static_cast<std::size_t>(i)];
        const bool serves = i == Serving && count > 0;
        painter.setPen(QPen(serves ? t.ok : t.border, serves ? 1.5 : 1));
        painter.setBrush(t.raised);
        painter.drawRoundedRect(box, 4, 4);
        const auto colour = count > 0 ? t.text : t.textMuted;
        drawIcon(painter, QString::fromLatin1(look.icon), serves ? t.ok : colour,
                 QRectF(box.left() + 10, box.top() + 9, 16, 16));
        painter.setFont(typeFont(Type::ItemTitle));
        painter.setPen(colour);
        painter.drawText(box.adjusted(32, 6, -30, -28), Qt::AlignLeft | Qt::AlignVCenter,
                         painter.fontMetrics().elidedText(look.name, Qt::ElideRight,
                                                          static_cast<int>(box.width()) - 62));
        painter.drawText(box.adjusted(0, 6, -10, -28), Qt::AlignRight | Qt::AlignVCenter,
                         QString::number(count));
        painter.setFont(typeFont(Type::Secondary));
        painter.setPen(t.textMuted);
        painter.drawText(box.adjusted(10, 28, -8, -6), Qt::AlignLeft | Qt::AlignVCenter,
                         painter.fontMetrics().elidedText(look.what, Qt::ElideRight,
                                                          static_cast<int>(box.width()) - 18));
        if (i + 1 < StageCount) {
            painter.setPen(QPen(t.textMuted, 1.5));
            const QPointF tip(box.right() + kGap / 2.0 + 3, box.center().y());
            painter.drawLine(tip - QPointF(6, 6), tip);
            painter.drawLine(tip - QPointF(6, -6), tip);
        }
    }
}

void StageStrip::changeEvent(QEvent *event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange)
        update();
}

} // namespace ui
