# hook call
f0:
    mov %r0, -1
    ldxdw %r2, [%r1+8]
    ldxdw %r3, [%r1]
    mov %r1, %r3
    add %r1, 8
    jgt %r1, %r2, i32
    sub %r2, %r1
    mov %r0, 0
    rsh %r2, 2
    jeq32 %r2, 0, i32
    ldxw %r3, [%r3]
    mov32 %r4, 0
    ja i17
i13:
    mov32 %r4, %r5
    jlt32 %r5, %r2, i17
    mov32 %r0, %r5
    ja i32
i17:
    mov32 %r5, %r2
    sub32 %r5, %r4
    rsh32 %r5, 1
    add32 %r5, %r4
    mov %r0, %r5
    lsh %r0, 2
    mov %r6, %r1
    add %r6, %r0
    ldxw %r0, [%r6]
    jlt32 %r0, %r3, i28
    mov32 %r2, %r5
i28:
    add32 %r5, 1
    jlt32 %r0, %r3, i13
    mov32 %r5, %r4
    ja i13
i32:
    exit
