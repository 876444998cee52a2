#pragma once
// Paints Cell values: icon and word in the state's colour, numbers right with equal digits, bars,
// sparklines, a button look for acts.

#include "ui/models/cell.h"

#include <QStyledItemDelegate>

class QTableView;

namespace ui {

class CellDelegate : public QStyledItemDelegate
{
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(QPainter *painter, const QStyleOptionViewItem &option,
               const QModelIndex &index) const override;
    [[nodiscard]] QSize sizeHint(const QStyleOptionViewItem &option,
                                 const QModelIndex &index) const override;
};

/// The common table look: fixed row height, no grid, whole-row selection, our delegate.
void setUpTable(QTableView *table, int rowHeight);

/// A polyline through values in a box; NaN = gap; one value scale for the whole line.
void drawSpark(QPainter &painter, const QRectF &box, const std::vector<float> &values,
               const QColor &colour);

} // namespace ui
