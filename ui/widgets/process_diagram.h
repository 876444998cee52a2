#pragma once
// The shop as its processes and who talks to whom: traffic, gateway, replicas and standby, store.

#include "engine/cluster/cluster.h"
#include "ui/widgets/tone.h"

#include <QWidget>

#include <map>

namespace ui {

struct ProcessBox
{
    QString name, detail, icon;
    StateWord state;
    bool operator==(const ProcessBox &) const = default;
};

/// Boxes of a shop's status; `rates` are requests per second by target, where known. Pure.
[[nodiscard]] std::map<std::string, ProcessBox>
processBoxes(const engine::ShopStatus &shop, const std::map<std::string, double> &rates);

class ProcessDiagram : public QWidget
{
    Q_OBJECT
public:
    explicit ProcessDiagram(QWidget *parent = nullptr);
    void show(std::map<std::string, ProcessBox> boxes);

protected:
    void paintEvent(QPaintEvent *event) override;

private:
    void drawBox(QPainter &painter, const QRectF &box, const ProcessBox &process) const;
    std::map<std::string, ProcessBox> m_boxes;
};

} // namespace ui
