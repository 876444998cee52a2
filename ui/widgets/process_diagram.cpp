#include "ui/widgets/process_diagram.h"

#include "ui/session/run_facts.h"
#include "ui/theme/theme.h"

#include <QPainter>

#include <algorithm>

namespace ui {

std::map<std::string, ProcessBox> processBoxes(const engine::ShopStatus &shop,
                                               const std::map<std::string, double> &rates)
{
    std::map<std::string, ProcessBox> boxes;
    for (const auto &process : shop.processes) {
        ProcessBox box;
        box.name = qs(process.name);
        box.state = processWord(process.state);
        box.icon = process.role == "gateway"   ? QStringLiteral("agent")
                   : process.role == "store"   ? QStringLiteral("restore")
                   : process.role == "traffic" ? QStringLiteral("live")
                   : process.role == "standby" ? QStringLiteral("standby")
                                               : QStringLiteral("models");
        const auto rate = rates.find(process.name);
        QStringList parts;
        if (!process.model.empty())
            parts << qs(process.model) + QLatin1Char(' ') + qs(process.version);
        if (rate != rates.end())
            parts << ProcessDiagram::tr("%1/s").arg(numberText(rate->second, 0));
        if (parts.isEmpty())
            parts << ProcessDiagram::tr("pid %1").arg(process.pid);
        box.detail = parts.join(QStringLiteral(", "));
        boxes[process.name] = box;
    }
    return boxes;
}

ProcessDiagram::ProcessDiagram(QWidget *parent) : QWidget(parent)
{
    setMinimumHeight(180);
    setAccessibleName(tr("Processes of the shop"));
}

void ProcessDiagram::show(std::map<std::string, ProcessBox> boxes)
{
    if (boxes == m_boxes)
        return;
    m_boxes = std::move(boxes);
    QStringList spoken;
    for (const auto &[name, box] : m_boxes)
        spoken << box.name + QLatin1Char(' ') + box.state.word;
    setAccessibleDescription(spoken.join(QStringLiteral(", ")));
    update();
}

void ProcessDiagram::drawBox(QPainter &painter, const QRectF &box, const ProcessBox &process) const
{
    const auto &t = tokens();
    const QColor state = toneColour(process.state.tone);
    painter.setPen(QPen(t.border, 1));
    painter.setBrush(t.surface);
    painter.drawRoundedRect(box, 4, 4);
    painter.fillRect(QRectF(box.left() - 0.5, box.top() + 5, 3, box.height() - 10), state);
    drawIcon(painter, process.icon, t.textMuted,
             QRectF(box.left() + 13, box.center().y() - 8, 16, 16));
    drawIcon(painter, process.state.icon, state, QRectF(box.right() - 19, box.top() + 6, 13, 13));
    const double textLeft = box.left() + 37;
    painter.setFont(typeFont(Type::Body, QFont::DemiBold));
    painter.setPen(t.text);
    painter.drawText(QPointF(textLeft, box.top() + 17), process.name);
    painter.setFont(typeFont(Type::Secondary));
    painter.setPen(t.textMuted);
    const bool calm = process.state.tone == Tone::Ok;
    if (!calm)
        painter.setPen(state);
    painter.drawText(
        QPointF(textLeft, box.top() + 33),
        painter.fontMetrics().elidedText(calm ? process.detail : process.state.word, Qt::ElideRight,
                                         static_cast<int>(box.right() - textLeft - 6)));
}

void ProcessDiagram::paintEvent(QPaintEvent *)
{
    if (m_boxes.empty())
        return;
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    std::vector<const ProcessBox *> models;
    for (const auto &[name, box] : m_boxes)
        if (name != "traffic" && name != "gateway" && name != "store")
            models.push_back(&box);
    const double boxHeight = 42;
    const double gap = 26;
    const double boxWidth = std::min(172.0, (width() - 3 * gap - 2) / 4.0);
    const double middle = height() / 2.0;
    const auto at = [&](int column) { return 1 + column * (boxWidth + gap); };
    const auto single = [&](const char *name, int column) -> std::optional<QRectF> {
        const auto found = m_boxes.find(name);
        if (found == m_boxes.end())
            return std::nullopt;
        const QRectF box(at(column) + 0.5, std::floor(middle - boxHeight / 2) + 0.5, boxWidth,
                         boxHeight);
        drawBox(painter, box, found->second);
        return box;
    };
    const auto traffic = single("traffic", 0);
    const auto gateway = single("gateway", 1);
    const auto store = single("store", 3);
    const auto link = [&](const QRectF &a, const QRectF &b) {
        painter.setPen(QPen(tokens().control, 1));
        const double x = std::floor((a.right() + b.left()) / 2) + 0.5;
        painter.drawPolyline(
            QPolygonF({QPointF(a.right(), a.center().y()), QPointF(x, a.center().y()),
                       QPointF(x, b.center().y()), QPointF(b.left(), b.center().y())}));
    };
    if (traffic && gateway)
        link(*traffic, *gateway);
    const double count = static_cast<double>(models.size());
    const double pitch =
        std::min(boxHeight + 12, (height() - boxHeight) / std::max(1.0, count - 1));
    for (std::size_t i = 0; i < models.size(); ++i) {
        const double y = middle + (static_cast<double>(i) - (count - 1) / 2) * pitch;
        const QRectF box(at(2) + 0.5, std::floor(y - boxHeight / 2) + 0.5, boxWidth, boxHeight);
        drawBox(painter, box, *models[i]);
        if (gateway)
            link(*gateway, box);
        if (store)
            link(box, *store);
    }
}

} // namespace ui
