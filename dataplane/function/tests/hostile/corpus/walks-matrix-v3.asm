# hook call
f0:
    mov %r0, -1
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    jlt %r1, 1088, i37
    mov %r1, 0
    mov %r3, %r2
    add %r3, 64
    mov %r0, 0
    ja i13
i10:
    add %r3, 64
    add %r1, 1
    jeq %r1, 16, i37
i13:
    mov %r4, %r0
    mov32 %r6, 0
    mov %r5, 0
i16:
    mov %r0, %r3
    add %r0, %r5
    ldxb %r7, [%r0]
    lsh32 %r7, 24
    arsh32 %r7, 24
    mov %r0, %r2
    add %r0, %r5
    ldxb %r0, [%r0]
    lsh32 %r0, 24
    arsh32 %r0, 24
    mul32 %r0, %r7
    add32 %r0, %r6
    add %r5, 1
    mov32 %r6, %r0
    jeq %r5, 64, i32
    ja i16
i32:
    lsh %r0, 32
    arsh %r0, 32
    jslt %r4, %r0, i10
    mov %r0, %r4
    ja i10
i37:
    exit
