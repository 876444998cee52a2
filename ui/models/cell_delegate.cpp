#include "ui/models/cell_delegate.h"

#include "ui/theme/theme.h"

#include <QHeaderView>
#include <QPainter>
#include <QTableView>

#include <algorithm>
#include <cmath>

namespace ui {

namespace {

constexpr double kPad = 8;

void drawBar(QPainter &painter, const QRectF &box, double share, const QColor &colour)
{
    painter.setPen(Qt::NoPen);
    painter.setBrush(tokens().raised);
    painter.drawRoundedRect(box, 3, 3);
    const double width = box.width() * std::clamp(share, 0.0, 1.0);
    if (width >= 1) {
        painter.setBrush(colour);
        painter.drawRoundedRect(QRectF(box.left(), box.top(), width, box.height()),
                                std::min(3.0, width / 2), 3);
    }
}

} // namespace

void drawSpark(QPainter &painter, const QRectF &box, const std::vector<float> &values,
               const QColor &colour)
{
    float low = INFINITY;
    float high = -INFINITY;
    for (const float value : values) {
        if (std::isnan(value))
            continue;
        low = std::min(low, value);
        high = std::max(high, value);
    }
    if (low > high || values.size() < 2)
        return;
    const double span = std::max({double(high - low), 0.15 * std::abs(double(high)), 1e-6});
    const double middle = (double(low) + double(high)) / 2;
    painter.setPen(QPen(colour, 1.2));
    painter.setBrush(Qt::NoBrush);
    const double step = box.width() / static_cast<double>(values.size() - 1);
    QPolygonF line;
    for (std::size_t i = 0; i <= values.size(); ++i) {
        if (i < values.size() && !std::isnan(values[i])) {
            const double share = 0.5 + (double(values[i]) - middle) / span;
            line << QPointF(box.left() + static_cast<double>(i) * step,
                            box.bottom() - share * box.height());
        } else if (!line.isEmpty()) {
            painter.drawPolyline(line);
            line.clear();
        }
    }
}

void CellDelegate::paint(QPainter *painter, const QStyleOptionViewItem &option,
                         const QModelIndex &index) const
{
    const auto cell = index.data(kCellRole).value<Cell>();
    const auto &t = tokens();
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    const QRectF box = option.rect;
    const bool selected = option.state & QStyle::State_Selected;
    if (selected)
        painter->fillRect(box, t.select);
    if (selected && index.column() == 0)
        painter->fillRect(QRectF(box.left(), box.top(), 3, box.height()), t.accent);
    painter->setPen(t.grid);
    painter->drawLine(QPointF(box.left(), box.bottom() + 0.5),
                      QPointF(box.right() + 1, box.bottom() + 0.5));
    if (option.state & QStyle::State_HasFocus) {
        painter->setPen(QPen(t.accent, 1));
        painter->drawRect(box.adjusted(1, 1, -1, -1));
    }

    QRectF inner = box.adjusted(kPad, 0, -kPad, 0);
    painter->setFont(cell.fixed ? typeFont(Type::Fixed)
                                : typeFont(Type::Body, cell.strong ? QFont::DemiBold : 0));
    if (!cell.spark.empty()) {
        drawSpark(*painter, inner.adjusted(0, 5, 0, -5), cell.spark, t.series[P99]);
        painter->restore();
        return;
    }
    if (cell.button) {
        painter->setPen(QPen(t.border, 1));
        painter->setBrush(t.raised);
        const QRectF button = inner.adjusted(-2, 2, 2, -2);
        painter->drawRoundedRect(button, 4, 4);
        painter->setFont(typeFont(Type::Secondary, QFont::Medium));
        painter->setPen(t.text);
        painter->drawText(button, Qt::AlignCenter, cell.text);
        painter->restore();
        return;
    }
    if (cell.share) {
        const double textWidth = cell.text.isEmpty() ? 0 : 46;
        const QRectF bar(inner.left(), inner.center().y() - 2.5, inner.width() - textWidth, 6);
        const QColor colour =
            cell.shareColour ? t.series[*cell.shareColour] : toneColour(cell.tone);
        drawBar(*painter, bar, *cell.share, colour);
        painter->setPen(t.text);
        drawDigits(*painter, {inner.right(), inner.center().y() + 4}, cell.text, true);
        painter->restore();
        return;
    }
    const QColor colour = toneColour(cell.tone);
    if (!cell.icon.isEmpty()) {
        drawIcon(*painter, cell.icon, colour,
                 QRectF(inner.left(), inner.center().y() - 6.5, 14, 14));
        inner.setLeft(inner.left() + 20);
    }
    painter->setPen(colour);
    const QFontMetricsF metrics(painter->font());
    const double baseline = inner.center().y() + metrics.capHeight() / 2;
    if (cell.number && cell.second.isEmpty()) {
        drawDigits(*painter, {inner.right(), baseline}, cell.text, true);
    } else if (cell.number) {
        const double width = drawDigits(*painter, {inner.left(), baseline}, cell.text, false);
        painter->setFont(typeFont(Type::Secondary));
        painter->setPen(t.textMuted);
        painter->drawText(QPointF(inner.left() + width + 8, baseline), cell.second);
    } else if (!cell.second.isEmpty()) {
        painter->drawText(QPointF(inner.left(), inner.center().y() - 3), cell.text);
        painter->setFont(typeFont(Type::Secondary));
        painter->setPen(t.textMuted);
        painter->drawText(
            QPointF(inner.left(), inner.center().y() + 12),
            painter->fontMetrics().elidedText(cell.second, Qt::ElideRight, int(inner.width())));
    } else {
        painter->drawText(QPointF(inner.left(), baseline),
                          painter->fontMetrics().elidedText(cell.text, Qt::ElideRight,
                                                            static_cast<int>(inner.width())));
    }
    painter->restore();
}

QSize CellDelegate::sizeHint(const QStyleOptionViewItem &option, const QModelIndex &index) const
{
    const auto cell = index.data(kCellRole).value<Cell>();
    const int width =
        static_cast<int>(QFontMetricsF(typeFont(Type::Body)).horizontalAdvance(cell.text) * 1.1)
        + 2 * static_cast<int>(kPad) + (cell.icon.isEmpty() ? 0 : 20) + (cell.share ? 60 : 0);
    return {width, QStyledItemDelegate::sizeHint(option, index).height()};
}

void setUpTable(QTableView *table, int rowHeight)
{
    table->setItemDelegate(new CellDelegate(table));
    table->verticalHeader()->hide();
    table->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    table->verticalHeader()->setMinimumSectionSize(rowHeight);
    table->verticalHeader()->setDefaultSectionSize(rowHeight);
    table->horizontalHeader()->setHighlightSections(false);
    table->horizontalHeader()->setFixedHeight(26);
    table->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    table->setShowGrid(false);
    table->setWordWrap(false);
    table->setFrameShape(QFrame::NoFrame);
    table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    table->setSelectionBehavior(QAbstractItemView::SelectRows);
    table->setSelectionMode(QAbstractItemView::SingleSelection);
    table->setTabKeyNavigation(false);
    table->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
}

} // namespace ui
